// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt {

struct SpawnedMonitor {
  pid_t pid = -1;
  UniqueFd control;  // our end of its socket
};

// Executes rcrt-monitor in a session of its own, with nothing of ours but the socket.
Result<SpawnedMonitor> spawn_monitor(const std::string& path);

}  // namespace rcrt
