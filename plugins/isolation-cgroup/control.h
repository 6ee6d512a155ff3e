// SPDX-License-Identifier: MIT
// What is done to a running container's group.
#pragma once

#include <string>
#include <vector>

#include "files.h"

namespace rcrt::cgroup {

// SIGKILL to every process in the group and below.
Status kill_group(int dir);
// Waits, for a bounded time, until no process is left.
void wait_until_empty(int dir);
// Returns when the group is frozen (or thawed).
Status freeze_group(int dir, bool frozen);
sdk::Json group_stats(int dir);
// The files of a controller in which somebody can set something.
std::vector<std::string> setting_files(int dir, const std::string& controller);

}  // namespace rcrt::cgroup
