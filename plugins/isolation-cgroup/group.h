// SPDX-License-Identifier: MIT
// A container's group: made, and given its limits.
#pragma once

#include <string>
#include <vector>

#include "files.h"
#include "hierarchy.h"
#include "resources.h"

namespace rcrt::cgroup {

// The parts of a path below the hierarchy, as libcgroup names the group.
std::string group_name(const std::vector<std::string>& path);

// Writes every limit into files of a group that is there.
Status write_settings(int group, const Settings& settings);

// A group without limits; one that is there already is it.
Expected<UniqueFd> make_plain_group(const Hierarchy& hierarchy, const std::vector<std::string>& path);

// One with limits, in the folder `parent`, whose controllers are enabled. `group` is set as soon as there
// is something to remove.
Status make_limited_group(const std::string& name, int parent, const Settings& settings, UniqueFd& group);

}  // namespace rcrt::cgroup
