// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/loopback.h"

#include <algorithm>

#include "base/result.h"
#include "plugins/net-bridge/sysctl.h"

namespace rcrt::bridge {
namespace {

constexpr const char* kBridgedRules = "bridge/bridge-nf-call-ip6tables";

bool answers_on(const Attachment& attachment, const Address& loopback) {
  return std::ranges::any_of(attachment.ports, [&](const Port& port) {
    auto address = Address::parse(port.host_ip);
    return !address || (address->family == loopback.family && (address->is_any() || address->is_loopback()));
  });
}

Status check_ipv6(const Attachment& attachment) {
  if (can_answer_on_ipv6_loopback()) return {};
  for (const Port& port : attachment.ports)
    if (port.host_ip == "::1")
      return sdk::fail(ENOTSUP, "cannot publish a port on", "::1",
                       "bridged packets pass through the host's IPv6 rules: use 127.0.0.1, or set the "
                       "sysctl net.bridge.bridge-nf-call-ip6tables to 0");
  return {};
}

}  // namespace

bool can_answer_on_ipv6_loopback() {
  auto filtered = read_sysctl(kBridgedRules);
  return !filtered || *filtered == "0";
}

Status open_loopback(Netlink& route, const Link& bridge, const Attachment& attachment) {
  if (attachment.v4.valid() && answers_on(attachment, *Address::parse("127.0.0.1")))
    RCRT_TRY(allow_local_routing(bridge.name));
  const Address loopback = *Address::parse("::1");
  if (!attachment.v6.valid() || !answers_on(attachment, loopback)) return {};
  RCRT_TRY(check_ipv6(attachment));
  return add_local_route(route, bridge, loopback);
}

}  // namespace rcrt::bridge
