// SPDX-License-Identifier: MIT
// Sending and receiving one message with descriptors, without libc.
#pragma once

#include <errno.h>
#include <sys/uio.h>

#include "launch/sys.h"

namespace rcrt::launch {

// Sends `size` bytes and, unless fd is -1, that descriptor. Result as sendmsg.
inline long send_message(int socket, const void* data, size_t size, int fd = -1) {
  iovec piece = {const_cast<void*>(data), size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  return sys::sendmsg(socket, &message, MSG_NOSIGNAL);
}

// Receives one message of at most `size` bytes; up to `room` descriptors go to `fds`
// and their number to *count (may be null when room is 0).
inline long receive_message(int socket, void* data, size_t size, int* fds, int room, int* count) {
  iovec piece = {data, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 253)];
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (room > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * room);
    *count = 0;
  }
  long got;
  do got = sys::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got == -EINTR);
  if (got < 0 || room == 0) return got;
  if (message.msg_flags & MSG_CTRUNC) return -EMFILE;
  for (cmsghdr* header = message.msg_controllen >= sizeof(cmsghdr) ? CMSG_FIRSTHDR(&message) : nullptr;
       header != nullptr; header = nullptr) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) break;
    *count = static_cast<int>((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fds, CMSG_DATA(header), *count * sizeof(int));
  }
  return got;
}

}  // namespace rcrt::launch
