// SPDX-License-Identifier: MIT
#include "core/launcher_messages.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace rcrt {

using launch::Kind;
using launch::Stage;

namespace {

// The plan names what is in the container relative to its root.
bool names_path(Stage stage) {
  switch (stage) {
    case Stage::kMountTarget:
    case Stage::kMount:
    case Stage::kUnmount:
    case Stage::kCopyUp:
    case Stage::kDevice:
    case Stage::kDeviceLink:
    case Stage::kMask:
    case Stage::kReadonlyPath:
      return true;
    default:
      return false;
  }
}

// What can be done about a failure that has no explanation of its own.
const char* hint_of(const launch::FailedMessage& message) {
  switch (message.stage) {
    case Stage::kSysctl:
      return message.error == ENOENT ? "this kernel has no such sysctl, or none of a container's own" : "";
    case Stage::kWorkingDirectory:
      return message.error == ENOTDIR ? "choose a folder" : "";
    default:
      return "";
  }
}

}  // namespace

Result<bool> receive(int socket, MonitorMessage& message, UniqueFd& fd, int flags) {
  iovec piece = {&message, sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr header = {};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got;
  do got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | flags);
  while (got < 0 && errno == EINTR);
  if (got < 0) return errno_error("cannot hear from rcrt-monitor");
  if (cmsghdr* attached = CMSG_FIRSTHDR(&header); attached != nullptr && attached->cmsg_type == SCM_RIGHTS) {
    int received;
    memcpy(&received, CMSG_DATA(attached), sizeof received);
    fd.reset(received);
  }
  return got > 0;
}

bool send_simple(int socket, Kind kind) {
  launch::SimpleMessage message = {kind};
  return send(socket, &message, sizeof message, MSG_NOSIGNAL) == sizeof message;
}

Result<void> send_fds(int socket, std::string_view message, const int* fds, size_t count) {
  iovec piece = {const_cast<char*>(message.data()), message.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * launch::kFdsPerMessage)] = {};
  msghdr header = {};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
  memcpy(CMSG_DATA(rights), fds, sizeof(int) * count);
  if (sendmsg(socket, &header, MSG_NOSIGNAL) < 0) return errno_error("cannot hand the plan to rcrt-monitor");
  return {};
}

Result<UniqueFd> plan_in_memory(const std::string& plan) {
  UniqueFd memory(memfd_create("rcrt-plan", MFD_CLOEXEC));
  if (!memory) return errno_error("cannot make memory for the plan");
  if (write(memory.get(), plan.data(), plan.size()) != static_cast<ssize_t>(plan.size()))
    return errno_error("cannot write the plan");
  return memory;
}

Result<void> send_plan(int socket, const PreparedLaunch& prepared, int memory) {
  auto& plan = prepared.plan;
  std::vector<int> fds = {memory};
  fds.insert(fds.end(), prepared.fds.begin(), prepared.fds.end());
  for (size_t at = 0; at < fds.size(); at += launch::kFdsPerMessage) {
    size_t count = std::min<size_t>(fds.size() - at, launch::kFdsPerMessage);
    launch::CommitMessage message = {at == 0 ? Kind::kCommit : Kind::kMoreFds, static_cast<uint32_t>(count),
                                     static_cast<uint32_t>(fds.size()), static_cast<uint32_t>(plan.size())};
    RCRT_TRY(
        send_fds(socket, {reinterpret_cast<const char*>(&message), sizeof message}, fds.data() + at, count));
  }
  return {};
}

Error to_error(const launch::FailedMessage& message) {
  Error error;
  error.what = launch::stage_text(message.stage);
  error.object.assign(message.object, strnlen(message.object, sizeof message.object));
  if (names_path(message.stage)) error.object = "/" + error.object;
  error.code = message.error;
  error.cause.assign(message.detail, strnlen(message.detail, sizeof message.detail));
  error.exit_code = message.exit_code;
  error.hint = hint_of(message);
  return error;
}

}  // namespace rcrt
