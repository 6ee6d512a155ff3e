// SPDX-License-Identifier: MIT
// Links, addresses and routes (rtnetlink).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "plugins/net-bridge/address.h"
#include "plugins/net-bridge/config.h"
#include "plugins/net-bridge/netlink.h"

namespace rcrt::bridge {

struct Link {
  int index = 0;
  std::string name;
  std::string kind;  // "bridge", "veth", "" for a plain device
  std::array<uint8_t, 6> mac{};
  uint32_t mtu = 0;
  int master = 0;
  bool up = false;          // IFF_UP
  bool running = false;     // operstate UP
  bool forwarding = false;  // of a bridge's port: frames pass
};

Expected<std::optional<Link>> find_link(Netlink& route, const std::string& name);
Expected<std::vector<Link>> all_links(Netlink& route);
// The link's going is no failure when it is not there.
Status delete_link(Netlink& route, const std::string& name);

// A bridge, down. Gives its index. Without an address of its own it would take its lowest port's,
// and change it as containers come and go.
Expected<int> create_bridge(Netlink& route, const std::string& name, const std::array<uint8_t, 6>& mac);
// Addresses of the host on the bridge, then up.
Status start_bridge(Netlink& route, int bridge, const Network& network);
Status set_master(Netlink& route, const std::string& name, int bridge);

// One message: the host's end up and enslaved, the peer born in `netns`.
struct Veth {
  std::string host, inside;
  int netns = -1;
  int bridge = 0;
  uint32_t mtu = 0;
  std::array<uint8_t, 6> mac{};
};
Status create_veth(Netlink& route, const Veth& veth);
// Until frames pass between the host's end and the bridge, and between the bridge and the
// host, at most a second: what is sent before is lost, an address request among it. The
// operstate of the host's end is UP some time before its port forwards, and a bridge that
// had no port has no queue to send from yet.
Status wait_forwarding(Netlink& route, const std::string& name, const std::string& bridge);

// Addresses, loopback and interface up, default routes; `inside` is a socket in the
// container's namespace.
Status configure_inside(Netlink& inside, const Attachment& attachment, const Network& network);
// The host takes packets to the address that come in through the link; no failure when it does.
Status add_local_route(Netlink& route, const Link& link, const Address& address);
struct Route {
  Subnet destination;  // prefix 0: default
  int link = 0;
};
Expected<std::vector<Route>> all_routes(Netlink& route, int family);

}  // namespace rcrt::bridge
