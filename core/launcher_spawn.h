// SPDX-License-Identifier: MIT
#pragma once

#include <sched.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt {

struct MonitorStart;

struct SpawnedMonitor {
  pid_t pid = -1;
  UniqueFd control;                     // our end of its socket
  const MonitorStart* start = nullptr;  // never freed: it may still be on its way to execve
  std::optional<cpu_set_t> cpus;        // for allow_all_cpus()
};

// Executes rcrt-monitor in a session of its own, with nothing of ours but the socket.
// Returns before it has: an error shows when it is spoken to.
// `expected`: see Launcher::start().
Result<SpawnedMonitor> spawn_monitor(const std::string& path, uint64_t expected);

// Until then it is confined to other CPUs than ours, to work beside us. The process, which is confined
// with it, gives itself back what the plan says (caller_cpus).
void allow_all_cpus(SpawnedMonitor& monitor);

// Why a monitor that was never heard of is gone: it could not be executed, else `what`.
std::unexpected<Error> lost_monitor(const SpawnedMonitor& monitor, const char* what);

}  // namespace rcrt
