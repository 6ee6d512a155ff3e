// SPDX-License-Identifier: MIT
#include "core/oci/isolation.h"

#include "core/files.h"
#include "core/oci/systemd_scope.h"

namespace rcrt::oci {
namespace {

void add_default_devices(Json& rules) {
  for (const char* type : {"c", "b"}) rules.push_back({{"allow", true}, {"type", type}, {"access", "m"}});
  const std::pair<int, int> devices[] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 2}, {136, -1}};
  for (auto [major, minor] : devices) {
    Json rule = {{"allow", true}, {"type", "c"}, {"major", major}, {"access", "rwm"}};
    if (minor >= 0) rule["minor"] = minor;
    rules.push_back(std::move(rule));
  }
}

bool is_set(const Json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && !it->is_null();
}

// linux.resources with the device rules every container has.
Json resources_of(const Json& config) {
  Json resources = Json::object();
  auto linux_part = config.find("linux");
  if (linux_part != config.end() && is_set(*linux_part, "resources")) resources = (*linux_part)["resources"];
  Json& rules = resources["devices"];
  if (rules.is_null()) rules = Json::array();
  if (rules.is_array()) add_default_devices(rules);
  return resources;
}

// A group of a user is made where his own is, since there he may make some: beside it, as
// processes are in the leaves only.
std::string parent_group() {
  auto text = read_file("/proc/self/cgroup", 65536);
  size_t at = text ? text->find("0::/") : std::string::npos;
  if (at == std::string::npos) return {};
  const std::string own = text->substr(at + 3, text->find('\n', at) - at - 3);
  return own.substr(0, own.rfind('/'));
}

Result<Json> cgroup_request(const Json& config, const std::string& id, const CgroupSettings& settings) {
  std::string path;
  if (auto linux_part = config.find("linux");
      linux_part != config.end() && is_set(*linux_part, "cgroupsPath"))
    path = (*linux_part)["cgroupsPath"].get<std::string>();
  Json request = {{"resources", resources_of(config)}, {"required", settings.required}};
  // Only the machine's root may say which devices can be used.
  if (settings.rootless) request["resources"].erase("devices");
  if (settings.manager == CgroupManager::systemd) {
    RCRT_ASSIGN(SystemdScope scope, systemd_scope(path, id));
    path = scope.cgroup;
    request["systemd"] = {{"unit", scope.unit}, {"slice", scope.slice}};
  }
  if (path.empty()) path = "rcrt-oci/" + id;
  if (path[0] != '/') path = (settings.rootless ? parent_group() : "") + "/" + path;
  request["cgroup_path"] = path;
  return request;
}

}  // namespace

Json seccomp_request(const Json& config, const Json& process, const std::string& cache_dir) {
  auto linux_part = config.find("linux");
  if (linux_part == config.end() || !is_set(*linux_part, "seccomp")) return {};
  Json bounding = Json::array();
  if (auto sets = process.find("capabilities"); sets != process.end() && sets->is_object())
    if (auto set = sets->find("bounding"); set != sets->end() && set->is_array()) bounding = *set;
  return {{"seccomp", (*linux_part)["seccomp"]},
          {"capabilities", bounding},
          {"privileged", false},
          {"security_opt", Json::array()},
          {"cache_dir", cache_dir}};
}

Result<std::vector<Isolation>> isolation_of(const Json& config, const std::string& id,
                                            const CgroupSettings& settings, const std::string& cache_dir) {
  std::vector<Isolation> list;
  if (settings.manager != CgroupManager::disabled) {
    RCRT_ASSIGN(Json request, cgroup_request(config, id, settings));
    list.push_back({"cgroup", std::move(request)});
  }
  if (auto process = config.find("process"); process != config.end())
    if (Json request = seccomp_request(config, *process, cache_dir); !request.is_null())
      list.push_back({"seccomp", std::move(request)});
  for (auto& one : list) {
    one.request["container"] = id;
    one.request["privileged"] = false;
    one.request["cache_dir"] = cache_dir;
  }
  return list;
}

}  // namespace rcrt::oci
