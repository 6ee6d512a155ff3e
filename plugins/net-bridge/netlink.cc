// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/netlink.h"

#include <fcntl.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt::bridge {

Message::Message(int type, int flags) : message_(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags)) {
  if (message_ == nullptr) throw std::bad_alloc();
}
Message::Message(Message&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
Message::~Message() { nlmsg_free(message_); }

void Message::header(const void* data, size_t size) {
  if (nlmsg_append(message_, const_cast<void*>(data), size, NLMSG_ALIGNTO) < 0) throw std::bad_alloc();
}
void Message::put(int type, const void* data, size_t size) {
  if (nla_put(message_, type, static_cast<int>(size), data) < 0) throw std::bad_alloc();
}
void Message::put(int type, std::string_view text) {
  std::string terminated(text);
  put(type, terminated.c_str(), terminated.size() + 1);
}
nlattr* Message::begin(int type) {
  nlattr* start = nla_nest_start(message_, type);
  if (start == nullptr) throw std::bad_alloc();
  return start;
}
// Not nla_nest_end: that one drops an empty nest.
void Message::end(nlattr* start) { nla_nest_end_keep_empty(message_, start); }

Attributes::Attributes(const void* data, size_t size) : all_(static_cast<const char*>(data), size) {}

std::string_view Attributes::bytes(int type) const {
  std::string_view rest = all_;
  while (rest.size() >= sizeof(nlattr)) {
    nlattr header;
    memcpy(&header, rest.data(), sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > rest.size()) break;
    if ((header.nla_type & NLA_TYPE_MASK) == type)
      return rest.substr(sizeof header, header.nla_len - sizeof header);
    rest.remove_prefix(std::min<size_t>(NLA_ALIGN(header.nla_len), rest.size()));
  }
  return {};
}
std::string Attributes::text(int type) const {
  std::string_view value = bytes(type);
  return std::string(value.substr(0, value.find('\0')));
}
uint32_t Attributes::u32(int type, uint32_t otherwise) const {
  std::string_view value = bytes(type);
  if (value.size() != sizeof otherwise) return otherwise;
  memcpy(&otherwise, value.data(), sizeof otherwise);
  return otherwise;
}
Attributes Attributes::nested(int type) const {
  std::string_view value = bytes(type);
  return {value.data(), value.size()};
}

Expected<Netlink> Netlink::open(int protocol) {
  nl_sock* socket = nl_socket_alloc();
  if (socket == nullptr) throw std::bad_alloc();
  Netlink result(socket);
  if (int code = nl_connect(socket, protocol); code < 0)
    return sdk::fail(errno ? errno : EIO, "cannot open a netlink socket", nl_geterror(code), "run as root");
  int on = 1;
  // Better error texts only; kernels without it still answer with an errno.
  (void)setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  (void)setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  return result;
}

Expected<Netlink> Netlink::open_in(int netns, int protocol, const std::function<void()>& inside) {
  UniqueFd own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own) return sdk::fail_errno("cannot open this thread's network namespace", {}, "mount /proc");
  if (setns(netns, CLONE_NEWNET) != 0)
    return sdk::fail_errno("cannot enter the container's network namespace", {}, "run as root");
  auto result = open(protocol);
  if (inside) inside();
  if (setns(own.get(), CLONE_NEWNET) != 0)
    return sdk::fail_errno("cannot return to the host's network namespace");
  return result;
}

Netlink::Netlink(Netlink&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
Netlink& Netlink::operator=(Netlink&& other) noexcept {
  std::swap(socket_, other.socket_);
  return *this;
}
Netlink::~Netlink() {
  if (socket_ != nullptr) nl_socket_free(socket_);
}

Expected<ssize_t> Netlink::receive(std::vector<char>& buffer) {
  if (buffer.empty()) buffer.resize(32768);
  for (;;) {
    ssize_t size = recv(nl_socket_get_fd(socket_), buffer.data(), buffer.size(), MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return sdk::fail_errno("cannot read the kernel's netlink answer");
    if (static_cast<size_t>(size) > buffer.size()) return sdk::fail(EMSGSIZE, "a netlink answer was cut off");
    return size;
  }
}

// The extended acknowledgement: a sentence by the kernel about what it refused.
void Netlink::note_text(const nlmsghdr* header) {
  kernel_text_.clear();
  if (!(header->nlmsg_flags & NLM_F_ACK_TLVS)) return;
  const auto* base = reinterpret_cast<const char*>(header);
  size_t offset = NLMSG_HDRLEN + sizeof(nlmsgerr);
  const auto* body = reinterpret_cast<const nlmsgerr*>(base + NLMSG_HDRLEN);
  if (!(header->nlmsg_flags & NLM_F_CAPPED) && body->error != 0)
    offset += body->msg.nlmsg_len - sizeof(nlmsghdr);
  if (offset < header->nlmsg_len)
    kernel_text_ = Attributes(base + offset, header->nlmsg_len - offset).text(NLMSGERR_ATTR_MSG);
}

Expected<std::vector<int>> Netlink::send_all(std::vector<Message>& messages) {
  std::string data;
  uint32_t first = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    nlmsghdr* header = nlmsg_hdr(messages[i].raw());
    header->nlmsg_flags |= NLM_F_ACK;
    header->nlmsg_seq = nl_socket_use_seq(socket_);
    if (i == 0) first = header->nlmsg_seq;
    data.append(reinterpret_cast<const char*>(header), header->nlmsg_len);
    data.resize(NLMSG_ALIGN(data.size()));
  }
  if (nl_sendto(socket_, data.data(), data.size()) < 0)
    return sdk::fail_errno("cannot send a netlink request");
  std::vector<int> codes(messages.size(), -1);
  std::vector<char> buffer;
  size_t missing = messages.size();
  std::string first_text;
  bool failed = false;
  while (missing > 0) {
    RCRT_ASSIGN(ssize_t size, receive(buffer));
    auto* header = reinterpret_cast<nlmsghdr*>(buffer.data());
    for (int left = static_cast<int>(size); nlmsg_ok(header, left); header = nlmsg_next(header, &left)) {
      size_t which = header->nlmsg_seq - first;
      if (header->nlmsg_type != NLMSG_ERROR || which >= codes.size() || codes[which] != -1) continue;
      codes[which] = -reinterpret_cast<nlmsgerr*>(nlmsg_data(header))->error;
      --missing;
      if (codes[which] != 0 && !std::exchange(failed, true)) {
        note_text(header);
        first_text = kernel_text_;
      }
    }
  }
  kernel_text_ = first_text;
  return codes;
}

Expected<int> Netlink::request(Message message) {
  std::vector<Message> one;
  one.push_back(std::move(message));
  RCRT_ASSIGN(auto codes, send_all(one));
  return codes[0];
}

Expected<int> Netlink::query(Message message, const std::function<void(const nlmsghdr*)>& each) {
  nlmsghdr* request = nlmsg_hdr(message.raw());
  bool dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  if (!dump) request->nlmsg_flags |= NLM_F_ACK;
  request->nlmsg_seq = nl_socket_use_seq(socket_);
  if (nl_sendto(socket_, request, request->nlmsg_len) < 0)
    return sdk::fail_errno("cannot send a netlink request");
  std::vector<char> buffer;
  for (;;) {
    RCRT_ASSIGN(ssize_t size, receive(buffer));
    auto* header = reinterpret_cast<nlmsghdr*>(buffer.data());
    for (int left = static_cast<int>(size); nlmsg_ok(header, left); header = nlmsg_next(header, &left)) {
      if (header->nlmsg_seq != request->nlmsg_seq) continue;
      if (header->nlmsg_type == NLMSG_DONE) return 0;
      if (header->nlmsg_type == NLMSG_ERROR) {
        note_text(header);
        return -reinterpret_cast<nlmsgerr*>(nlmsg_data(header))->error;
      }
      each(header);
    }
  }
}

}  // namespace rcrt::bridge
