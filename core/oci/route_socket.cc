// SPDX-License-Identifier: MIT
#include "core/oci/route_socket.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <vector>

namespace rcrt::oci {

void RouteMessage::add(uint16_t type, const void* data, size_t size) {
  rtattr attribute = {static_cast<unsigned short>(RTA_LENGTH(size)), type};
  bytes_.append(reinterpret_cast<const char*>(&attribute), sizeof attribute);
  bytes_.append(static_cast<const char*>(data), size);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

Result<RouteSocket> RouteSocket::open() {
  RouteSocket socket;
  socket.fd_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.fd_) return errno_error("cannot make a netlink socket");
  return socket;
}

Result<void> RouteSocket::dump(RouteMessage& message, const std::function<void(const nlmsghdr&)>& each) {
  auto* request = reinterpret_cast<nlmsghdr*>(message.bytes().data());
  request->nlmsg_len = static_cast<uint32_t>(message.bytes().size());
  request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  if (send(fd_.get(), request, request->nlmsg_len, 0) < 0) return errno_error("cannot ask netlink");
  std::vector<char> buffer(65536);
  for (;;) {
    ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("cannot hear from netlink");
    auto left = static_cast<unsigned>(got);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(answer, left);
         answer = NLMSG_NEXT(answer, left)) {
      if (answer->nlmsg_type == NLMSG_DONE) return {};
      if (answer->nlmsg_type != NLMSG_ERROR) {
        each(*answer);
        continue;
      }
      const int code = -static_cast<const nlmsgerr*>(NLMSG_DATA(answer))->error;
      if (code != 0) return error("netlink refuses", {}, {}, code);
      return {};
    }
  }
}

Result<void> RouteSocket::ask(RouteMessage& message) {
  return dump(message, [](const nlmsghdr&) {});
}

}  // namespace rcrt::oci
