// SPDX-License-Identifier: MIT
// A container's group as a transient scope of systemd's, which then owns the tree around it.
#pragma once

#include <sys/types.h>

#include <string>

#include "resources.h"

namespace rcrt::cgroup {

// Makes the scope in a slice, delegated to us. systemd makes none without a process: `pid` is
// moved into it, and may end as soon as another one is in there.
Status start_scope(const std::string& unit, const std::string& slice, pid_t pid, const Settings& settings);

// So that systemd does not bring back what it was told before.
Status change_scope(const std::string& unit, const Settings& settings);

// Ends it with all its processes; nothing when there is none.
Status stop_scope(const std::string& unit);

}  // namespace rcrt::cgroup
