// SPDX-License-Identifier: MIT
// What is said to rcrt-monitor and to the process it makes, and what they answer (launch/protocol.h).
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/launcher_request.h"
#include "launch/protocol.h"

namespace rcrt {

union MonitorMessage {
  launch::Kind kind;
  launch::StartedMessage started;
  launch::ExitedMessage exited;
  launch::FailedMessage failed;
  launch::ListenerMessage listener;
};

// One message; its descriptor, if any, goes to `fd`. False at the end of the stream.
Result<bool> receive(int socket, MonitorMessage& message, UniqueFd& fd, int flags = 0);

bool send_simple(int socket, launch::Kind kind);
Result<void> send_fds(int socket, std::string_view message, const int* fds, size_t count);

// The plan as a file in memory, and its descriptors with it.
Result<UniqueFd> plan_in_memory(const std::string& plan);
Result<void> send_plan(int socket, const PreparedLaunch& prepared, int memory);

// What a stage that failed says.
Error to_error(const launch::FailedMessage& message);

}  // namespace rcrt
