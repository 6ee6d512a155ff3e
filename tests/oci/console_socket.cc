// SPDX-License-Identifier: MIT
#include "tests/oci/console_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace rcrt::test {

ConsoleSocket::ConsoleSocket(const std::string& path)
    : listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  unlink(path.c_str());
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(listen(listener_, 1), 0);
  EXPECT_EQ(chmod(path.c_str(), 0666), 0);
}

ConsoleSocket::~ConsoleSocket() {
  close(listener_);
  close(master_);
}

std::string ConsoleSocket::read_all() {
  int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  char text[64];
  iovec piece = {text, sizeof text};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  close(connection);
  cmsghdr* rights = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (rights == nullptr) return "no terminal was sent";
  memcpy(&master_, CMSG_DATA(rights), sizeof master_);
  std::string said;
  char buffer[256];
  for (ssize_t n; (n = read(master_, buffer, sizeof buffer)) > 0;)
    said.append(buffer, static_cast<size_t>(n));
  return said;
}

}  // namespace rcrt::test
