// SPDX-License-Identifier: MIT
// Volumes of a container: which ones, by what name, who else uses them, and removing them.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <algorithm>
#include <set>

#include "base/fault.h"
#include "base/path.h"
#include "core/engine.h"
#include "core/run_options_json.h"

namespace rcrt {
namespace {

// A folder inside a root; -1 when the path leads to none.
UniqueFd folder_in(int root, const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

}  // namespace

Result<void> Engine::take_volumes_from(RunOptions& options) const {
  for (const std::string& text : options.volumes_from) {
    const size_t colon = text.rfind(':');
    const std::string mode = colon == std::string::npos ? "" : text.substr(colon + 1);
    if (!mode.empty() && mode != "ro" && mode != "rw")
      return error("invalid --volumes-from", text, "write it as CONTAINER, CONTAINER:ro or CONTAINER:rw",
                   EINVAL);
    RCRT_ASSIGN(const std::string id, containers_.find(text.substr(0, colon)));
    RCRT_ASSIGN(const Container other, containers_.load(id));
    for (BindMount& mount : mounts_of(other.config.value("mounts", Json::array()))) {
      auto same = [&](const BindMount& own) { return own.target == mount.target; };
      if (mount.type != "bind" || std::ranges::any_of(options.mounts, same)) continue;
      mount.read_only = mount.read_only || mode == "ro";
      options.mounts.push_back(std::move(mount));
    }
  }
  options.volumes_from.clear();
  return {};
}

Result<void> Engine::choose_volumes(std::vector<BindMount>& mounts, const Json& image_config) const {
  auto declared = image_config.find("Volumes");
  if (declared != image_config.end() && declared->is_object())
    for (const auto& [path, nothing] : declared->items()) {
      std::string target = "/" + clean_path(path);
      if (std::ranges::any_of(mounts,
                              [&](const BindMount& m) { return "/" + clean_path(m.target) == target; }))
        continue;
      RCRT_ASSIGN(BindMount mount, parse_volume(target));
      mounts.push_back(std::move(mount));
    }
  std::set<std::string> targets;
  for (auto& mount : mounts) {
    if (!targets.insert(mount.target).second)
      return error("two mounts at", mount.target, "keep one of them", EINVAL);
    if (mount.type != "volume") continue;
    mount.anonymous = mount.source.empty();
    if (mount.anonymous) {
      RCRT_ASSIGN(mount.source, new_id());
    }
    // From here on a bind. What an image brings is no device of the host.
    mount.volume = mount.source;
    mount.source = volumes_.data(mount.volume);
    mount.type = "bind";
    mount.options.push_back("nodev");
  }
  return {};
}

Result<std::vector<UniqueFd>> Engine::make_volumes(const std::vector<BindMount>& mounts, int root,
                                                   Owner owner) {
  std::vector<UniqueFd> held;
  for (const auto& mount : mounts) {
    if (mount.volume.empty()) continue;
    RCRT_TRY(volumes_.create(mount.volume, mount.anonymous));
    UniqueFd content;
    if (!mount.no_copy) content = folder_in(root, mount.target);
    RCRT_ASSIGN(UniqueFd lock, volumes_.use(mount.volume, content ? content.get() : -1, owner));
    held.push_back(std::move(lock));
    fault_point("volume in use");
  }
  return held;
}

Json Engine::volumes_json(const std::vector<BindMount>& mounts) {
  Json list = Json::array();
  for (const auto& mount : mounts)
    if (!mount.volume.empty())
      list.push_back({{"name", mount.volume}, {"target", mount.target}, {"anonymous", mount.anonymous}});
  return list;
}

std::vector<std::string> Engine::volume_users(const std::string& volume) const {
  std::vector<std::string> users;
  for (const auto& id : containers_.ids()) {
    auto container = containers_.load(id);
    if (!container) continue;
    for (const auto& used : container->config.value("volumes", Json::array()))
      if (used.value("name", "") == volume) {
        users.push_back(id);
        break;
      }
  }
  return users;
}

Result<void> Engine::remove_volume(const std::string& name) {
  RCRT_TRY(volumes_.load(name));
  if (auto users = volume_users(name); !users.empty())
    return error("volume is used by container " + users[0].substr(0, 12), name, "remove the container first",
                 EBUSY);
  return volumes_.remove(name);
}

Result<void> Engine::remove_anonymous_volumes(const Json& used, const std::string& id) {
  Result<void> first;
  for (const auto& volume : used) {
    std::string name = volume.value("name", "");
    if (!volume.value("anonymous", false)) continue;
    // Others may use it by its name.
    auto users = volume_users(name);
    if (std::ranges::any_of(users, [&](const std::string& user) { return user != id; })) continue;
    auto removed = volumes_.remove(name);
    bool settled = removed || removed.error().code == ENOENT || removed.error().code == EBUSY;
    if (!settled && first) first = removed;
    fault_point("volume removed");
  }
  return first;
}

}  // namespace rcrt
