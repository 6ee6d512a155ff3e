// SPDX-License-Identifier: MIT
#include "tests/oci/descriptor_socket.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace rcrt::test {

DescriptorSocket::DescriptorSocket(const std::string& path)
    : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  unlink(path.c_str());
  sockaddr_un address = {AF_UNIX, {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(listen(socket_.get(), 1), 0);
  EXPECT_EQ(chmod(path.c_str(), 0666), 0);
}

UniqueFd DescriptorSocket::receive(std::string* text) const {
  UniqueFd fd;
  pollfd ready = {socket_.get(), POLLIN, 0};
  if (poll(&ready, 1, 20'000) != 1) return fd;
  UniqueFd connection(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  char buffer[4096];
  for (;;) {
    iovec piece = {buffer, sizeof buffer};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t got = recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC);
    if (got <= 0) return fd;
    if (text != nullptr) text->append(buffer, static_cast<size_t>(got));
    if (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr && header->cmsg_type == SCM_RIGHTS) {
      int received;
      memcpy(&received, CMSG_DATA(header), sizeof received);
      fd.reset(received);
    }
  }
}

std::string read_terminal(int master) {
  std::string said;
  char buffer[256];
  for (ssize_t n; (n = read(master, buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<size_t>(n));
  return said;
}

}  // namespace rcrt::test
