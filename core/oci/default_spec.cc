// SPDX-License-Identifier: MIT
#include "core/oci/default_spec.h"

#include <unistd.h>

#include "core/oci/record.h"

namespace rcrt::oci {
namespace {

using Ordered = nlohmann::ordered_json;

Ordered mount(const char* destination, const char* type, const char* source,
              const std::vector<std::string>& options) {
  Ordered made = {{"destination", destination}, {"type", type}, {"source", source}};
  if (!options.empty()) made["options"] = options;
  return made;
}

Ordered mounts(bool rootless) {
  Ordered list = Ordered::array();
  list.push_back(mount("/proc", "proc", "proc", {}));
  list.push_back(mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  std::vector<std::string> pts = {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
  if (!rootless) pts.push_back("gid=5");  // a group nobody maps is refused
  list.push_back(mount("/dev/pts", "devpts", "devpts", pts));
  list.push_back(
      mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}));
  list.push_back(mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  if (rootless) {
    // Without a network namespace of its own nobody mounts a sysfs.
    list.push_back(mount("/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}));
    return list;
  }
  list.push_back(mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}));
  list.push_back(
      mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}));
  return list;
}

}  // namespace

Ordered default_spec(bool rootless) {
  const std::vector<std::string> capabilities = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  Ordered namespaces = Ordered::array();
  for (const char* type : {"pid", "network", "ipc", "uts", "mount", "cgroup", "user"}) {
    if (rootless ? std::string_view(type) == "network" : std::string_view(type) == "user") continue;
    namespaces.push_back({{"type", type}});
  }
  Ordered linux_part;
  if (rootless) {
    linux_part["uidMappings"] = {{{"containerID", 0}, {"hostID", geteuid()}, {"size", 1}}};
    linux_part["gidMappings"] = {{{"containerID", 0}, {"hostID", getegid()}, {"size", 1}}};
  } else {
    linux_part["resources"] = {{"devices", {{{"allow", false}, {"access", "rwm"}}}}};
  }
  linux_part["namespaces"] = namespaces;
  linux_part["maskedPaths"] = {
      "/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
      "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"};
  linux_part["readonlyPaths"] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return {
      {"ociVersion", kSpecVersion},
      {"process",
       {{"terminal", true},
        {"user", {{"uid", 0}, {"gid", 0}}},
        {"args", {"sh"}},
        {"env", {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"}},
        {"cwd", "/"},
        {"capabilities",
         {{"bounding", capabilities}, {"effective", capabilities}, {"permitted", capabilities}}},
        {"rlimits", {{{"type", "RLIMIT_NOFILE"}, {"hard", 1024}, {"soft", 1024}}}},
        {"noNewPrivileges", true}}},
      {"root", {{"path", "rootfs"}, {"readonly", true}}},
      {"hostname", "rcrt"},
      {"mounts", mounts(rootless)},
      {"linux", linux_part},
  };
}

}  // namespace rcrt::oci
