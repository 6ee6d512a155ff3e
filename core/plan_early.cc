// SPDX-License-Identifier: MIT
#include <linux/sched.h>

#include <algorithm>

#include "core/interface_sysctls.h"
#include "core/plan_parts.h"
#include "launch/plan.h"

namespace rcrt {
namespace {

// A tmpfs without a mode takes that of the folder below it, which is not there yet.
bool can_be_early(const PlanDraft::Mount& mount) {
  auto is_mode = [](const auto& option) { return option.first == "mode"; };
  return !mount.bind() && !mount.remount && !mount.copy_up &&
         (mount.type != "tmpfs" || std::ranges::any_of(mount.options, is_mode));
}

bool below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

// No other mount has to do with what is below `mount`, but for those that `allowed` allows.
template <typename Allowed>
bool alone(const std::vector<PlanDraft::Mount>& mounts, const PlanDraft::Mount& mount, Allowed allowed) {
  return std::ranges::all_of(mounts, [&](const PlanDraft::Mount& other) {
    if (&other == &mount) return true;
    if (other.target == mount.target || below(mount.target, other.target)) return false;
    return !below(other.target, mount.target) || allowed(other.target);
  });
}

bool may_cover(const PlanDraft& draft, const PlanDraft::Mount& mount) {
  if (!(mount.target == "proc" && mount.type == "proc") && !(mount.target == "sys" && mount.type == "sysfs"))
    return false;
  if (!mount.early || mount.recursive_set != 0 || mount.recursive_clear != 0 || mount.propagation != 0)
    return false;
  // Sysctls come before /proc/sys is read-only.
  for (auto& [sysctl, value] : draft.sysctls)
    if (mount.target == "proc" && wants_interface(sysctl)) return false;
  return alone(draft.mounts, mount, [&](const std::string& other) {
    auto apart = [&](const std::string& path) {
      return path != other && !below(path, other) && !below(other, path);
    };
    return std::ranges::all_of(draft.masked, apart) && std::ranges::all_of(draft.readonly, apart);
  });
}

bool may_hold_devices(const PlanDraft& draft, const PlanDraft::Mount& mount) {
  auto direct = [](const std::string& path) {
    return below(path, "dev") && path.find('/', sizeof "dev/" - 1) == std::string::npos;
  };
  if (mount.target != "dev" || mount.type != "tmpfs" || !mount.early || !draft.setup_dev) return false;
  for (auto& device : draft.devices)
    if (!direct(device.path)) return false;
  return alone(draft.mounts, mount, [&](const std::string& other) {
    auto apart = [&](const std::string& path) { return path != other && !below(other, path); };
    return std::ranges::all_of(draft.devices, [&](auto& device) { return apart(device.path); }) &&
           std::ranges::all_of(draft.links, [&](auto& link) { return apart(link.first); });
  });
}

}  // namespace

std::optional<EarlyPlan> early_plan(const Json& spec) {
  PlanDraft draft;
  try {
    plan_json::Node config(&spec);
    if (config["process"]["oomScoreAdj"].present()) return std::nullopt;  // set between clone and go
    plan_parts::read_namespaces(config["linux"]["namespaces"], draft);
    plan_parts::read_mounts(config["mounts"], draft);
    plan_parts::read_devices(config["linux"]["devices"], draft);
    plan_parts::read_sysctls(config["linux"]["sysctl"], draft);
    draft.masked = plan_parts::read_paths(config["linux"]["maskedPaths"]);
    draft.readonly = plan_parts::read_paths(config["linux"]["readonlyPaths"]);
  } catch (plan_json::Bad&) {
    return std::nullopt;
  }
  EarlyPlan early;
  bool joins = false;
  for (auto& space : draft.namespaces) {
    // Maps and offsets are written in between; a pid namespace is joined by the parent.
    if (space.type == CLONE_NEWUSER || space.type == CLONE_NEWTIME) return std::nullopt;
    if (space.type == CLONE_NEWPID && !space.path.empty()) return std::nullopt;
    joins = joins || !space.path.empty();
    if (space.type != CLONE_NEWCGROUP && space.path.empty()) early.namespaces |= space.type;
  }
  // File systems show the namespaces of who makes them: all of them must be entered.
  const bool own_mounts = draft.is_new(CLONE_NEWNS) && !joins;
  for (size_t i = 0; i < draft.mounts.size() && i < plan::kMaxEarlyMounts; ++i)
    draft.mounts[i].early = own_mounts && can_be_early(draft.mounts[i]);
  for (auto& mount : draft.mounts) {
    mount.cover = may_cover(draft, mount);
    mount.devices = may_hold_devices(draft, mount);
  }
  if (own_mounts) early.block = write_plan(draft, {});
  early.mounts = std::move(draft.mounts);
  if (early.block.empty() || early.block.size() > plan::kMaxEarlyPlan) {
    early.block.clear();
    early.mounts.clear();
  }
  return early;
}

}  // namespace rcrt
