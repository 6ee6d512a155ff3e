// SPDX-License-Identifier: MIT
// A LaunchRequest made ready to send: everything opened, the plan written.
#pragma once

#include <sched.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/interface_sysctls.h"
#include "core/launcher.h"
#include "core/plan_builder.h"

namespace rcrt {

struct PreparedLaunch {
  std::string plan;
  std::vector<UniqueFd> owned;
  std::vector<int> fds;  // in the plan's order
  UniqueFd sync;         // our end of the socket to the child
  bool new_network = false;
  Sysctls interface_sysctls;    // to be set in it before go()
  bool record_follows = false;  // the exit is told before it is recorded
};

// Of whole messages; both ends close on exec.
Result<void> make_socket_pair(UniqueFd& ours, UniqueFd& theirs);

// `cloned`: the process is there, in its cgroup and with its socket, and has made those of
// these mounts that are `early`. `cpus`: all that the process may use, where the monitor has fewer.
Result<PreparedLaunch> prepare_launch(LaunchRequest&& request,
                                      const std::optional<std::vector<PlanDraft::Mount>>& cloned,
                                      const std::optional<cpu_set_t>& cpus);

}  // namespace rcrt
