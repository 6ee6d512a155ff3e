// SPDX-License-Identifier: MIT
// The container's group and the groups above it: making, handing controllers down,
// removing, and giving back what was changed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "hierarchy.h"

namespace rcrt::cgroup {

// While one of these lives, no other rcrt makes limited groups or gives controllers back.
class TreeLock {
 public:
  explicit TreeLock(const Hierarchy& hierarchy);

 private:
  UniqueFd fd_;
};

// Makes the groups above the container's (marked as ours if we made them) and opens
// the nearest one. With controllers, hands them down on the way, root first.
Expected<UniqueFd> make_parents(const Hierarchy& hierarchy, const std::vector<std::string>& path,
                                const std::set<std::string>& controllers);

// The group itself if it exists (code ENOENT if not).
Expected<UniqueFd> open_group(const Hierarchy& hierarchy, const std::vector<std::string>& path);

// Removes the group with all below it, the groups above that we made and that are
// empty, and takes back controllers we handed down and nobody else uses. Idempotent.
Status remove_group(const Hierarchy& hierarchy, const std::vector<std::string>& path);

}  // namespace rcrt::cgroup
