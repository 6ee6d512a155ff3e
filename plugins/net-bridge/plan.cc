// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/plan.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/result.h"
#include "plugins/net-bridge/files.h"
#include "plugins/net-bridge/sysctl.h"

namespace rcrt::bridge {
namespace {

constexpr uint32_t kDefaultMtu = 1500;

// fdxx:xxxx:xxxx::/64, the same for a network every time, another on every machine (RFC 4193).
Subnet local_subnet(const std::string& network) {
  auto id = read_file(AT_FDCWD, "/etc/machine-id", 4096);
  uint64_t value = 0xcbf29ce484222325ULL;
  for (unsigned char c : (id && *id ? **id : std::string()) + "/" + network)
    value = (value ^ c) * 0x100000001b3ULL;
  value ^= value >> 32;
  Subnet subnet{Address::any(AF_INET6), 64};
  subnet.base.bytes[0] = 0xfd;
  for (int i = 1; i < 6; ++i) subnet.base.bytes[i] = static_cast<uint8_t>(value >> 8 * i);
  return subnet;
}

}  // namespace

bool satisfies(const Network& existing, const Network& wanted) {
  if (existing.bridge != wanted.bridge || existing.internal != wanted.internal) return false;
  if (wanted.mtu != 0 && existing.mtu != wanted.mtu) return false;
  if (!wanted.v4.subnet.valid() && !wanted.v6.subnet.valid()) return true;
  auto same = [](const Range& a, const Range& b) {
    return a.subnet.base == b.subnet.base && a.subnet.prefix == b.subnet.prefix && a.gateway == b.gateway;
  };
  return same(existing.v4, wanted.v4) && same(existing.v6, wanted.v6);
}

std::optional<Subnet> free_subnet(const std::vector<Subnet>& taken) {
  auto is_free = [&](const Subnet& subnet) {
    return std::none_of(taken.begin(), taken.end(),
                        [&](const Subnet& other) { return subnet.overlaps(other); });
  };
  for (int second = 89; second < 255; ++second) {
    auto subnet = Subnet::parse("10." + std::to_string(second) + ".0.0/16");
    if (is_free(*subnet)) return subnet;
  }
  for (int second = 16; second < 32; ++second) {
    auto subnet = Subnet::parse("172." + std::to_string(second) + ".0.0/16");
    if (is_free(*subnet)) return subnet;
  }
  return std::nullopt;
}

Expected<Network> fill_network(Netlink& route, const Network& wanted, const std::vector<Network>& others) {
  Network network = wanted;
  RCRT_ASSIGN(auto routes, all_routes(route, AF_INET));
  bool ipv6 = have_ipv6();
  if (ipv6) {
    RCRT_ASSIGN(auto more, all_routes(route, AF_INET6));
    routes.insert(routes.end(), more.begin(), more.end());
  }
  std::vector<Subnet> taken;
  int uplink = 0;
  for (const Route& one : routes) {
    if (one.destination.prefix > 0) taken.push_back(one.destination);
    if (one.destination.prefix == 0 && uplink == 0) uplink = one.link;
  }
  for (const Network& other : others)
    for (const Range* range : {&other.v4, &other.v6})
      if (range->subnet.valid()) taken.push_back(range->subnet);

  if (!wanted.v4.subnet.valid() && !wanted.v6.subnet.valid()) {
    auto subnet = free_subnet(taken);
    if (!subnet)
      return sdk::fail(EADDRNOTAVAIL, "no private subnet is free on this host for the network", network.name,
                       "name one in the network's configuration");
    network.v4 = {*subnet, subnet->at(1)};
    if (ipv6) {
      Subnet local = local_subnet(network.name);
      network.v6 = {local, local.at(1)};
    }
  } else {
    for (const Range* range : {&network.v4, &network.v6})
      for (const Network& other : others)
        for (const Range* theirs : {&other.v4, &other.v6})
          if (range->subnet.valid() && theirs->subnet.valid() && range->subnet.overlaps(theirs->subnet))
            return sdk::fail(EADDRINUSE, "the subnet overlaps with the network " + other.name,
                             range->subnet.text(), "choose another subnet");
  }
  if (network.mtu == 0) {
    network.mtu = kDefaultMtu;
    RCRT_ASSIGN(auto links, all_links(route));
    for (const Link& link : links)
      if (link.index == uplink && link.mtu != 0) network.mtu = std::min<uint32_t>(link.mtu, 65535);
  }
  return network;
}

}  // namespace rcrt::bridge
