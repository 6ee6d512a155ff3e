// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt {

struct MonitorStart;

struct SpawnedMonitor {
  pid_t pid = -1;
  UniqueFd control;                     // our end of its socket
  const MonitorStart* start = nullptr;  // never freed: it may still be on its way to execve
};

// Executes rcrt-monitor in a session of its own, with nothing of ours but the socket.
// Returns before it has: an error shows when it is spoken to.
// `expected`: see Launcher::start().
Result<SpawnedMonitor> spawn_monitor(const std::string& path, uint64_t expected);

// Why a monitor that was never heard of is gone: it could not be executed, else `what`.
std::unexpected<Error> lost_monitor(const SpawnedMonitor& monitor, const char* what);

}  // namespace rcrt
