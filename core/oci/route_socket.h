// SPDX-License-Identifier: MIT
// A little of rtnetlink: one question, one answer.
#pragma once

#include <linux/netlink.h>
#include <string.h>

#include <functional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt::oci {

class RouteMessage {
 public:
  explicit RouteMessage(uint16_t type, uint16_t flags = 0) : bytes_(NLMSG_HDRLEN, '\0') {
    nlmsghdr header = {
        .nlmsg_len = 0, .nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = 0, .nlmsg_pid = 0};
    memcpy(bytes_.data(), &header, sizeof header);
  }

  // The family's own header, which comes first.
  template <typename T>
  T& header() {
    if (bytes_.size() == NLMSG_HDRLEN) bytes_.resize(NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(T)));
    return *reinterpret_cast<T*>(bytes_.data() + NLMSG_HDRLEN);
  }
  void add(uint16_t type, const void* data, size_t size);

  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

// Of the network namespace in which it is opened.
class RouteSocket {
 public:
  static Result<RouteSocket> open();
  // The kernel's answer; its errno is the error's code.
  Result<void> ask(RouteMessage& message);
  Result<void> dump(RouteMessage& message, const std::function<void(const nlmsghdr&)>& each);

 private:
  UniqueFd fd_;
};

}  // namespace rcrt::oci
