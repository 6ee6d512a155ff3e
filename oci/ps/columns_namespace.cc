// SPDX-License-Identifier: MIT
// Columns: where a process is confined.
#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "base/words.h"
#include "oci/ps/column.h"
#include "oci/ps/text.h"

namespace rcrt::oci::ps {
namespace {

// The number in "net:[4026531840]".
Cell namespace_number(const View& view, const char* file) {
  const std::string target = view.process.link(file);
  const size_t bracket = target.find('[');
  if (bracket == target.npos) return nothing(view);  // it has ended
  return number(std::strtoll(target.c_str() + bracket + 1, nullptr, 10));
}

Cell cgroup_namespace(const View& view) { return namespace_number(view, "ns/cgroup"); }
Cell ipc_namespace(const View& view) { return namespace_number(view, "ns/ipc"); }
Cell mount_namespace(const View& view) { return namespace_number(view, "ns/mnt"); }
Cell network_namespace(const View& view) { return namespace_number(view, "ns/net"); }
Cell pid_namespace(const View& view) { return namespace_number(view, "ns/pid"); }
Cell time_namespace(const View& view) { return namespace_number(view, "ns/time"); }
Cell user_namespace(const View& view) { return namespace_number(view, "ns/user"); }
Cell uts_namespace(const View& view) { return namespace_number(view, "ns/uts"); }

// Those that are not the root of their hierarchy.
std::string cgroups_of(const View& view) {
  std::string list;
  for (const std::string& line : words_of(view.process.file("cgroup"), "\n")) {
    if (line.ends_with('/')) continue;
    if (!list.empty()) list += ',';
    list += line;
  }
  return list.empty() ? "-" : printable(list);
}

Cell cgroup(const View& view) { return text(cgroups_of(view)); }

Cell cgroup_name(const View& view) {
  const std::string list = cgroups_of(view), key = ":name=";
  const size_t found = list.find(key);
  const bool named = found != list.npos && found + key.size() < list.size();
  return text(named ? list.substr(found + key.size()) : list);
}

// Of a security module.
Cell label(const View& view) {
  std::string current = view.process.file("attr/current");
  current.erase(std::ranges::find_if_not(current, [](unsigned char c) { return isprint(c) != 0; }),
                current.end());
  return text(current.empty() ? "-" : current);
}

constexpr Column kColumns[] = {
    {"cgroup", "CGROUP", 27, Fit::cut, Scope::process, cgroup},
    {"cgname", "CGNAME", 27, Fit::cut, Scope::process, cgroup_name},
    {"cgroupns", "CGROUPNS", 10, Fit::right, Scope::both, cgroup_namespace},
    {"ipcns", "IPCNS", 10, Fit::right, Scope::both, ipc_namespace},
    {"mntns", "MNTNS", 10, Fit::right, Scope::both, mount_namespace},
    {"netns", "NETNS", 10, Fit::right, Scope::both, network_namespace},
    {"pidns", "PIDNS", 10, Fit::right, Scope::both, pid_namespace},
    {"timens", "TIMENS", 10, Fit::right, Scope::both, time_namespace},
    {"userns", "USERNS", 10, Fit::right, Scope::both, user_namespace},
    {"utsns", "UTSNS", 10, Fit::right, Scope::both, uts_namespace},
    {"label", "LABEL", 31, Fit::left, Scope::both, label},
    {"context", "CONTEXT", 31, Fit::left, Scope::both, label},
    {"zone", "ZONE", 31, Fit::left, Scope::both, label},
    {"lxc", "LXC", 8, Fit::left, Scope::both, nothing},
    // Of systemd's logins and units: its library would be needed.
    {"lsession", "SESSION", 11, Fit::left, Scope::both, nothing},
    {"machine", "MACHINE", 31, Fit::left, Scope::both, nothing},
    {"ouid", "OWNER", 5, Fit::left, Scope::both, nothing},
    {"seat", "SEAT", 11, Fit::left, Scope::both, nothing},
    {"slice", "SLICE", 31, Fit::left, Scope::both, nothing},
    {"unit", "UNIT", 31, Fit::left, Scope::both, nothing},
    {"uunit", "UUNIT", 31, Fit::left, Scope::both, nothing},
};

}  // namespace

std::span<const Column> namespace_columns() { return kColumns; }

}  // namespace rcrt::oci::ps
