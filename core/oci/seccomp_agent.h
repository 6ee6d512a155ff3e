// SPDX-License-Identifier: MIT
// linux.seccomp.listenerPath: an agent that decides about the system calls of SCMP_ACT_NOTIFY.
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"

namespace rcrt::oci {

// {"path", "metadata"} of a configuration; null when it names no agent.
Result<Json> seccomp_agent(const Json& config);

// Hands the agent the listener of process `pid`, with the specification's container process state.
Result<void> notify_agent(const Json& agent, const Json& state, pid_t pid, int listener);

}  // namespace rcrt::oci
