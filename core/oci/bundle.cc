// SPDX-License-Identifier: MIT
#include "core/oci/bundle.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "core/files.h"
#include "core/oci/strict_json.h"
#include "core/users.h"

namespace rcrt::oci {
namespace {

Result<std::string> absolute(const std::string& path) {
  char buffer[PATH_MAX];
  if (realpath(path.c_str(), buffer) == nullptr) return errno_error("cannot find the bundle", path);
  return std::string(buffer);
}

std::unexpected<Error> bad(const std::string& path, const Json& value, const char* allowed) {
  return error("invalid configuration: " + path,
               value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 200), allowed);
}

// NAME, or PREFIX/NAME as Kubernetes has them: nothing that somebody could take for a path.
bool is_annotation_key(std::string_view key) {
  auto is_name = [](std::string_view part) { return !part.empty() && part != "." && part != ".."; };
  auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(key, is_control) || std::ranges::count(key, '/') > 1) return false;
  const size_t slash = key.find('/');
  return is_name(key.substr(0, slash)) && (slash == key.npos || is_name(key.substr(slash + 1)));
}

// An object of the configuration; null when it is not there.
Result<Json*> object_in(Json& parent, const char* key, const std::string& path) {
  auto it = parent.find(key);
  if (it == parent.end() || it->is_null()) return nullptr;
  if (!it->is_object()) return bad(path + key, *it, "it must be an object");
  return &*it;
}

}  // namespace

bool is_bind(const Json& mount) {
  if (auto type = mount.find("type"); type != mount.end() && (*type == "bind" || *type == "rbind"))
    return true;
  auto options = mount.find("options");
  if (options == mount.end() || !options->is_array()) return false;
  for (const auto& option : *options)
    if (option == "bind" || option == "rbind") return true;
  return false;
}

Result<void> normalise(Json& config, const std::string& bundle, std::string& rootfs) {
  RCRT_ASSIGN(Json* const root, object_in(config, "root", ""));
  if (root == nullptr) return error("invalid configuration: root", {}, "it is required");
  auto path = root->find("path");
  if (path == root->end() || !path->is_string() || path->get_ref<const std::string&>().empty() ||
      path->get_ref<const std::string&>().find('\0') != std::string::npos)
    return bad("root.path", path == root->end() ? Json() : *path, "it must name the root's folder");
  rootfs = path->get<std::string>();
  if (rootfs[0] != '/') rootfs = bundle + "/" + rootfs;

  if (auto mounts = config.find("mounts"); mounts != config.end() && mounts->is_array())
    for (auto& mount : *mounts) {
      if (!mount.is_object() || !is_bind(mount)) continue;
      auto source = mount.find("source");
      if (source == mount.end() || !source->is_string()) continue;
      auto& text = source->get_ref<std::string&>();
      if (!text.empty() && text[0] != '/') text = bundle + "/" + text;
    }
  RCRT_ASSIGN(Json* const linux_part, object_in(config, "linux", ""));
  if (linux_part != nullptr) {
    RCRT_ASSIGN(Json* const resources, object_in(*linux_part, "resources", "linux."));
    RCRT_ASSIGN(Json* const seccomp, object_in(*linux_part, "seccomp", "linux."));
    (void)resources;
    (void)seccomp;
    if (auto group = linux_part->find("cgroupsPath"); group != linux_part->end() && !group->is_null()) {
      if (!group->is_string()) return bad("linux.cgroupsPath", *group, "it must be a string");
      const auto& path = group->get_ref<const std::string&>();
      if (path.find('\0') != std::string::npos)
        return bad("linux.cgroupsPath", *group, "it holds a NUL byte");
      if (!path.empty() && path.find_first_not_of('/') == std::string::npos)
        return bad("linux.cgroupsPath", *group, "it must name a group below the root");
      if (("/" + path + "/").find("/../") != std::string::npos)
        return bad("linux.cgroupsPath", *group, "it must not lead upwards with \"..\"");
    }
  }
  RCRT_ASSIGN(Json* const annotations, object_in(config, "annotations", ""));
  if (annotations != nullptr)
    for (auto& [key, value] : annotations->items()) {
      if (!is_annotation_key(key))
        return bad("annotations", key,
                   "a key must be NAME or PREFIX/NAME, without control characters, . and ..");
      if (!value.is_string()) return bad("annotations." + key, value, "it must be a string");
    }
  return {};
}

Result<Bundle> read_bundle(const std::string& bundle, const std::string& config_file) {
  Bundle result;
  RCRT_ASSIGN(result.path, absolute(bundle.empty() ? "." : bundle));
  std::string file = config_file.empty() ? result.path + "/config.json" : config_file;
  RCRT_ASSIGN(result.text, read_file(file, kMaxJson));
  RCRT_ASSIGN(result.config, parse_strict(result.text, file));
  RCRT_TRY(normalise(result.config, result.path, result.rootfs));
  return result;
}

void add_home(Json& process, int root_fd) {
  Json& env = process["env"];
  if (env.is_null()) env = Json::array();
  if (!env.is_array()) return;
  for (const auto& variable : env)
    if (variable.is_string() && variable.get_ref<const std::string&>().starts_with("HOME=")) return;
  auto user = process.find("user");
  std::string uid = "0";
  if (user != process.end() && user->is_object())
    if (auto id = user->find("uid"); id != user->end() && id->is_number_unsigned()) uid = id->dump();
  auto found = resolve_user(root_fd, uid);
  env.push_back("HOME=" + (found ? found->home : "/"));
}

}  // namespace rcrt::oci
