// SPDX-License-Identifier: MIT
#include <sys/mman.h>

#include "monitor/monitor.h"

namespace rcrt::monitor {

void report_failure(Monitor& monitor, Stage stage, long error, const char* object) {
  launch::FailedMessage message = {};
  message.kind = Kind::kFailed;
  message.stage = stage;
  message.error = static_cast<int>(-error);
  message.exit_code = 125;
  for (size_t i = 0; object != nullptr && object[i] != '\0' && i + 1 < sizeof message.object; ++i)
    message.object[i] = object[i];
  if (monitor.client >= 0) launch::send_message(monitor.client, &message, sizeof message);
}

bool receive_request(Monitor& monitor, Request& request) {
  request.commit = {};
  constexpr long kHeader = sizeof request.commit;
  static_assert(sizeof(launch::CloneMessage) == kHeader && offsetof(Request, early) == kHeader);
  long got = launch::receive_message(monitor.client, &request, kHeader + sizeof request.early, request.fds,
                                     launch::kFdsPerMessage, &request.count);
  if (got == 0) return false;
  request.has_early = got > kHeader;
  auto* early = reinterpret_cast<plan::Plan*>(request.early);
  bool whole =
      got == kHeader || (got > kHeader + static_cast<long>(sizeof *early) && early->magic == plan::kMagic &&
                         early->version == plan::kVersion && early->size == got - kHeader);
  if (whole && (request.count > 0 || request.kind == Kind::kAhead)) return true;
  report_failure(monitor, Stage::kReceivePlan, got < 0 ? got : -EPROTO);
  return false;
}

bool receive_plan(Monitor& monitor, const Request& first) {
  Request request = first;
  for (;;) {
    const launch::CommitMessage& message = request.commit;
    if ((message.kind != Kind::kCommit && message.kind != Kind::kMoreFds) ||
        message.fds != static_cast<uint32_t>(request.count) || message.total > plan::kMaxFds + 1 ||
        monitor.fd_count + request.count > plan::kMaxFds + 1) {
      report_failure(monitor, Stage::kReceivePlan, -EPROTO);
      return false;
    }
    for (int i = 0; i < request.count; ++i) monitor.fds[monitor.fd_count++] = request.fds[i];
    if (static_cast<uint32_t>(monitor.fd_count) >= message.total) break;
    if (!receive_request(monitor, request)) return false;
  }
  const launch::CommitMessage& message = request.commit;
  long mapped = sys::call(SYS_mmap, 0, message.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, monitor.fds[0], 0);
  if (mapped < 0 && mapped > -4096) {
    report_failure(monitor, Stage::kMapPlan, mapped);
    return false;
  }
  auto* plan = reinterpret_cast<plan::Plan*>(mapped);
  if (plan->magic != plan::kMagic || plan->version != plan::kVersion || plan->size != message.size ||
      plan->fd_count + 1 != message.total) {
    report_failure(monitor, Stage::kMapPlan, -EPROTO, "rcrt and rcrt-monitor are of different versions");
    return false;
  }
  monitor.plan = plan;
  return true;
}

}  // namespace rcrt::monitor
