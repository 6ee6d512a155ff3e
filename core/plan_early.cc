// SPDX-License-Identifier: MIT
#include <linux/sched.h>

#include <algorithm>

#include "core/plan_parts.h"
#include "launch/plan.h"

namespace rcrt {
namespace {

// A tmpfs without a mode takes that of the folder below it, which is not there yet.
bool can_be_early(const PlanDraft::Mount& mount) {
  auto is_mode = [](const auto& option) { return option.first == "mode"; };
  return !mount.bind() && !mount.copy_up &&
         (mount.type != "tmpfs" || std::ranges::any_of(mount.options, is_mode));
}

}  // namespace

std::optional<EarlyPlan> early_plan(const Json& spec) {
  PlanDraft draft;
  try {
    plan_json::Node config(&spec, "");
    if (config["process"]["oomScoreAdj"].present()) return std::nullopt;  // set between clone and go
    plan_parts::read_namespaces(config["linux"]["namespaces"], draft);
    plan_parts::read_mounts(config["mounts"], draft);
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
  if (own_mounts) early.block = write_plan(draft, {});
  early.mounts = std::move(draft.mounts);
  if (early.block.empty() || early.block.size() > plan::kMaxEarlyPlan) {
    early.block.clear();
    early.mounts.clear();
  }
  return early;
}

}  // namespace rcrt
