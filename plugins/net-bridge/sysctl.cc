// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/sysctl.h"

#include <fcntl.h>
#include <unistd.h>

#include <map>

#include "base/fault.h"
#include "base/result.h"
#include "plugins/net-bridge/files.h"

namespace rcrt::bridge {
namespace {

constexpr const char* kRoot = "/proc/sys/net/";
constexpr const char* kSaved = "sysctl.json";

Expected<std::vector<std::string>> interfaces(const char* family) {
  RCRT_ASSIGN(UniqueFd folder, open_folder(AT_FDCWD, std::string(kRoot) + family + "/conf", false));
  return list_folder(folder.get());
}

// The values that switching on forwarding moves, as they are now.
Expected<std::map<std::string, std::string>> moving_values(const char* family) {
  std::map<std::string, std::string> values;
  bool v6 = std::string_view(family) == "ipv6";
  std::string conf = std::string(family) + "/conf/";
  RCRT_ASSIGN(auto names, interfaces(family));
  for (const std::string& name : names) {
    std::vector<std::string> members = {"forwarding"};
    if (!v6) members.push_back("accept_redirects");
    for (const std::string& member : members) {
      auto value = read_sysctl(conf + name + "/" + member);
      if (value) values[conf + name + "/" + member] = *value;  // an interface may vanish any time
    }
    if (!v6 || name == "all" || name == "default") continue;
    if (auto ra = read_sysctl(conf + name + "/accept_ra"); ra && *ra == "1")
      values[conf + name + "/accept_ra"] = *ra;
  }
  return values;
}

Status switch_on(const State& state, Json& saved, const char* family, const char* master) {
  RCRT_ASSIGN(std::string now, read_sysctl(master));
  if (now != "0") return {};
  RCRT_ASSIGN(auto values, moving_values(family));
  Json before = Json::object();
  for (const auto& [name, value] : values) before[name] = value;
  saved[family] = {{"master", master}, {"before", before}};
  RCRT_TRY(write_file(state.own(), kSaved, saved.dump()));
  fault_point("net-bridge: forwarding saved");
  for (const auto& [name, value] : values)
    if (name.ends_with("/accept_ra")) (void)write_sysctl(name, "2");
  RCRT_TRY(write_sysctl(master, "1"));
  fault_point("net-bridge: forwarding on");
  return {};
}

Expected<Json> saved_values(const State& state) {
  RCRT_ASSIGN(auto text, read_file(state.own(), kSaved));
  Json saved = text ? Json::parse(*text, nullptr, false) : Json::object();
  return saved.is_object() ? saved : Json::object();
}

}  // namespace

bool have_ipv6() {
  auto disabled = read_sysctl("ipv6/conf/all/disable_ipv6");
  return disabled && *disabled == "0";
}

Expected<std::string> read_sysctl(const std::string& name) {
  RCRT_ASSIGN(auto text, read_file(AT_FDCWD, kRoot + name));
  if (!text) return sdk::fail(ENOENT, "this kernel has no sysctl", "net/" + name);
  while (!text->empty() && (text->back() == '\n' || text->back() == ' ')) text->pop_back();
  return *text;
}

Status write_sysctl(const std::string& name, std::string_view value) {
  UniqueFd fd(::open((kRoot + name).c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
    return sdk::fail_errno("cannot set the sysctl", "net/" + name,
                           errno == EROFS
                               ? "/proc/sys is read-only here: set it to " + std::string(value) + " outside"
                               : "run as root");
  return {};
}

Status enable_forwarding(const State& state, bool ipv6) {
  RCRT_ASSIGN(Json saved, saved_values(state));
  RCRT_TRY(switch_on(state, saved, "ipv4", "ipv4/ip_forward"));
  if (ipv6) RCRT_TRY(switch_on(state, saved, "ipv6", "ipv6/conf/all/forwarding"));
  return {};
}

Status restore_forwarding(const State& state) {
  RCRT_ASSIGN(Json saved, saved_values(state));
  for (const auto& [family, entry] : saved.items()) {
    std::string master = entry.value("master", "");
    auto now = read_sysctl(master);
    // 0 means: the change was never made, or somebody took it back. Either way not ours.
    if (now && *now != "0") RCRT_TRY(write_sysctl(master, "0"));
    const Json values = entry.value("before", Json::object());
    for (const auto& [name, before] : values.items()) {
      auto value = read_sysctl(name);
      if (value && before.is_string() && *value != before.get<std::string>())
        RCRT_TRY(write_sysctl(name, before.get<std::string>()));
    }
    fault_point("net-bridge: forwarding given back");
  }
  return remove_file(state.own(), kSaved);
}

Status protect_bridge(const std::string& bridge) {
  std::string conf = "ipv6/conf/" + bridge + "/";
  if (!read_sysctl(conf + "accept_ra")) return {};  // no IPv6 in this kernel
  // No duplicate address detection either: it would hold up the first packets for a second.
  for (const char* name : {"accept_ra", "autoconf", "accept_redirects", "accept_dad"})
    RCRT_TRY(write_sysctl(conf + name, "0"));
  return {};
}

Status allow_local_routing(const std::string& bridge) {
  std::string name = "ipv4/conf/" + bridge + "/route_localnet";
  RCRT_ASSIGN(std::string now, read_sysctl(name));
  return now == "1" ? Status() : write_sysctl(name, "1");
}

}  // namespace rcrt::bridge
