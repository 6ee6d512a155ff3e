// SPDX-License-Identifier: MIT
#include "core/oci/place.h"

#include <algorithm>

#include "core/plan_parts.h"
#include "launch/protocol.h"

namespace rcrt::oci {
namespace {

using launch::Stage;
using plan_json::Node;

// The last of an array whose member is that path in the container.
std::string entry_of(const Node& list, const char* member, const std::string& path) {
  const std::string wanted = clean_path(path);
  std::string found;
  for (const Node& entry : list.items())
    if (clean_path(entry[member].text_or("")) == wanted) found = entry.path();
  return found;
}

// "net/ipv4/x" is "net.ipv4.x" of the configuration, or is written as it is.
std::string sysctl_of(const Node& sysctls, const std::string& name) {
  for (const auto& [key, value] : sysctls.members()) {
    std::string path = key;
    std::ranges::replace(path, '.', '/');
    if (key == name || path == name) return value.path() + " \"" + value.text_or("") + "\"";
  }
  return {};
}

// What is one member, and its value.
std::string member_of(const Error& error, const Json& config) {
  static const struct {
    Stage stage;
    const char* place;
  } kMembers[] = {
      {Stage::kTimeNamespace, "/linux/timeOffsets"}, {Stage::kOomScore, "/process/oomScoreAdj"},
      {Stage::kRlimit, "/process/rlimits"},          {Stage::kScheduler, "/process/scheduler"},
      {Stage::kIoPriority, "/process/ioPriority"},   {Stage::kMemoryPolicy, "/linux/memoryPolicy"},
      {Stage::kPersonality, "/linux/personality"},   {Stage::kUser, "/process/user"}};
  for (const auto& [stage, place] : kMembers) {
    const Json::json_pointer member{std::string(place)};
    if (error.what != launch::stage_text(stage) || !config.contains(member)) continue;
    std::string path = place + 1;
    std::ranges::replace(path, '/', '.');
    return path + " " + config[member].dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 200);
  }
  return {};
}

std::string place_of(const Error& error, const Node& config) {
  auto is = [&](Stage stage) { return error.what == launch::stage_text(stage); };
  const Node linux_part = config["linux"];
  if (is(Stage::kMount) || is(Stage::kMountTarget) || is(Stage::kCopyUp))
    return entry_of(config["mounts"], "destination", error.object);
  if (is(Stage::kDevice)) return entry_of(linux_part["devices"], "path", error.object);
  if (is(Stage::kSysctl)) return sysctl_of(linux_part["sysctl"], error.object);
  if (is(Stage::kIdMap)) return error.object == "gid_map" ? "linux.gidMappings" : "linux.uidMappings";
  if (is(Stage::kSecurityLabel))
    return config["process"]["apparmorProfile"].present() ? "process.apparmorProfile"
                                                          : "process.selinuxLabel";
  return {};
}

}  // namespace

Error with_place(Error error, const Json& config) {
  std::string place = place_of(error, Node(&config));
  if (place.empty()) place = member_of(error, config);
  if (place.empty()) return error;
  if (!error.hint.empty()) error.hint += "; ";
  error.hint += "see " + place;
  return error;
}

}  // namespace rcrt::oci
