// SPDX-License-Identifier: MIT
// Netlink requests over libnl-3: build a message, send it (alone or several in one
// system call), take the acknowledgement or the answers.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <rcrt/plugin.hpp>
#include <string>
#include <string_view>
#include <vector>

struct nl_msg;
struct nl_sock;
struct nlattr;

namespace rcrt::bridge {

using sdk::Expected;
using sdk::Failure;
using sdk::Json;
using sdk::Status;

// One message under construction.
class Message {
 public:
  Message(int type, int flags);
  Message(Message&& other) noexcept;
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  ~Message();

  void header(const void* data, size_t size);  // the family's fixed header, first
  void put(int type, const void* data, size_t size);
  void put(int type, std::string_view text);  // NUL-terminated on the wire
  void put_u8(int type, uint8_t value) { put(type, &value, sizeof value); }
  void put_u32(int type, uint32_t value) { put(type, &value, sizeof value); }

  // Attributes put by `fill` become children of an attribute of this type.
  template <typename F>
  void nest(int type, F fill) {
    nlattr* start = begin(type);
    fill();
    end(start);
  }

  nl_msg* raw() const { return message_; }

 private:
  nlattr* begin(int type);
  void end(nlattr* start);
  nl_msg* message_;
};

// Attributes of a received message, by type; absent ones are empty.
class Attributes {
 public:
  Attributes(const void* data, size_t size);
  std::string_view bytes(int type) const;
  std::string text(int type) const;  // up to the NUL
  uint32_t u32(int type, uint32_t otherwise = 0) const;
  Attributes nested(int type) const;

 private:
  std::string_view all_;
};

class Netlink {
 public:
  static Expected<Netlink> open(int protocol);  // in the calling thread's network namespace
  // A socket that belongs to the network namespace `netns`; the calling thread is back in
  // its own when this returns. `inside` runs while the thread is in `netns`.
  static Expected<Netlink> open_in(int netns, int protocol, const std::function<void()>& inside = {});
  Netlink(Netlink&& other) noexcept;
  Netlink& operator=(Netlink&& other) noexcept;
  ~Netlink();

  // Sends all messages in one system call and awaits every acknowledgement. Gives the
  // errno value of each, 0 for success.
  Expected<std::vector<int>> send_all(std::vector<Message>& messages);
  // One message; the errno value the kernel answers with, 0 for success.
  Expected<int> request(Message message);
  // A dump or a single get: `each` is called with every answer. Gives the errno value.
  Expected<int> query(Message message, const std::function<void(const nlmsghdr*)>& each);

  // What the kernel said about the last failure, "" when it said nothing.
  const std::string& kernel_text() const { return kernel_text_; }

 private:
  explicit Netlink(nl_sock* socket) : socket_(socket) {}
  Expected<ssize_t> receive(std::vector<char>& buffer);
  void note_text(const nlmsghdr* header);

  nl_sock* socket_ = nullptr;
  std::string kernel_text_;
};

}  // namespace rcrt::bridge
