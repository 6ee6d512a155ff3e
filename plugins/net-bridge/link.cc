// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/link.h"

#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>

#include "base/result.h"

namespace rcrt::bridge {
namespace {

// Of linux/if.h, which cannot be included beside net/if.h.
constexpr uint8_t kOperUp = 6;

std::string with_text(std::string what, const Netlink& netlink) {
  if (!netlink.kernel_text().empty()) what += " (" + netlink.kernel_text() + ")";
  return what;
}

Message link_message(int type, int flags, int index, unsigned set = 0, unsigned change = 0) {
  Message message(type, flags);
  ifinfomsg info{};
  info.ifi_family = AF_UNSPEC;
  info.ifi_index = index;
  info.ifi_flags = set;
  info.ifi_change = change;
  message.header(&info, sizeof info);
  return message;
}

std::optional<Link> parse_link(const nlmsghdr* header) {
  if (header->nlmsg_type != RTM_NEWLINK || header->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg)))
    return std::nullopt;
  const auto* info = static_cast<const ifinfomsg*>(NLMSG_DATA(header));
  size_t offset = NLMSG_SPACE(sizeof(ifinfomsg));
  if (header->nlmsg_len < offset) return std::nullopt;
  Attributes attributes(reinterpret_cast<const char*>(header) + offset, header->nlmsg_len - offset);
  Link link;
  link.index = info->ifi_index;
  link.name = attributes.text(IFLA_IFNAME);
  link.kind = attributes.nested(IFLA_LINKINFO).text(IFLA_INFO_KIND);
  link.mtu = attributes.u32(IFLA_MTU);
  link.master = static_cast<int>(attributes.u32(IFLA_MASTER));
  link.up = info->ifi_flags & IFF_UP;
  std::string_view state = attributes.bytes(IFLA_OPERSTATE);
  link.running = !state.empty() && static_cast<uint8_t>(state[0]) == kOperUp;
  std::string_view port =
      attributes.nested(IFLA_LINKINFO).nested(IFLA_INFO_SLAVE_DATA).bytes(IFLA_BRPORT_STATE);
  link.forwarding = !port.empty() && port[0] == BR_STATE_FORWARDING;
  if (std::string_view mac = attributes.bytes(IFLA_ADDRESS); mac.size() == link.mac.size())
    memcpy(link.mac.data(), mac.data(), mac.size());
  return link;
}

Message address_message(int link, const Address& address, int prefix) {
  Message message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  ifaddrmsg info{};
  info.ifa_family = static_cast<uint8_t>(address.family);
  info.ifa_prefixlen = static_cast<uint8_t>(prefix);
  info.ifa_index = static_cast<unsigned>(link);
  info.ifa_flags = address.family == AF_INET6 ? IFA_F_NODAD : 0;
  message.header(&info, sizeof info);
  message.put(IFA_LOCAL, address.bytes.data(), address.size());
  message.put(IFA_ADDRESS, address.bytes.data(), address.size());
  if (address.family == AF_INET && prefix < 31) {
    Address broadcast = address;
    for (int bit = prefix; bit < 32; ++bit) broadcast.bytes[bit / 8] |= static_cast<uint8_t>(0x80 >> bit % 8);
    message.put(IFA_BROADCAST, broadcast.bytes.data(), broadcast.size());
  }
  return message;
}

Message route_message(uint8_t table, uint8_t type, const Address& address, int attribute) {
  Message message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  rtmsg info{};
  info.rtm_family = static_cast<uint8_t>(address.family);
  info.rtm_table = table;
  info.rtm_protocol = RTPROT_STATIC;
  info.rtm_scope = RT_SCOPE_UNIVERSE;
  info.rtm_type = type;
  if (attribute == RTA_DST) info.rtm_dst_len = static_cast<uint8_t>(address.bits());
  message.header(&info, sizeof info);
  message.put(attribute, address.bytes.data(), address.size());
  return message;
}

Message default_route(int link, const Address& gateway) {
  Message message = route_message(RT_TABLE_MAIN, RTN_UNICAST, gateway, RTA_GATEWAY);
  message.put_u32(RTA_OIF, static_cast<uint32_t>(link));
  return message;
}

}  // namespace

Expected<std::optional<Link>> find_link(Netlink& route, const std::string& name) {
  Message message = link_message(RTM_GETLINK, 0, 0);
  message.put(IFLA_IFNAME, name);
  message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::optional<Link> link;
  RCRT_ASSIGN(int code,
              route.query(std::move(message), [&](const nlmsghdr* header) { link = parse_link(header); }));
  if (code == ENODEV) return std::nullopt;
  if (code != 0) return sdk::fail(code, with_text("cannot look up the link", route), name);
  return link;
}

Expected<std::vector<Link>> all_links(Netlink& route) {
  std::vector<Link> links;
  Message message = link_message(RTM_GETLINK, NLM_F_DUMP, 0);
  message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  RCRT_ASSIGN(int code, route.query(std::move(message), [&](const nlmsghdr* header) {
    if (auto link = parse_link(header)) links.push_back(std::move(*link));
  }));
  if (code != 0) return sdk::fail(code, "cannot list the links");
  return links;
}

Status delete_link(Netlink& route, const std::string& name) {
  Message message = link_message(RTM_DELLINK, 0, 0);
  message.put(IFLA_IFNAME, name);
  RCRT_ASSIGN(int code, route.request(std::move(message)));
  if (code != 0 && code != ENODEV) return sdk::fail(code, with_text("cannot delete the link", route), name);
  return {};
}

Expected<int> create_bridge(Netlink& route, const std::string& name, const std::array<uint8_t, 6>& mac) {
  Message message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
  message.put(IFLA_IFNAME, name);
  message.put(IFLA_ADDRESS, mac.data(), mac.size());
  message.nest(IFLA_LINKINFO, [&] {
    message.put(IFLA_INFO_KIND, std::string_view("bridge"));
    // Without a querier it would flood all the same, and keep two timers a container.
    message.nest(IFLA_INFO_DATA, [&] { message.put_u8(IFLA_BR_MCAST_SNOOPING, 0); });
  });
  RCRT_ASSIGN(int code, route.request(std::move(message)));
  if (code == EOPNOTSUPP)
    return sdk::fail(code, "cannot create the bridge", name,
                     "this kernel has no bridge module: load or build it");
  if (code == EPERM) return sdk::fail(code, "cannot create the bridge", name, "run as root");
  if (code != 0) return sdk::fail(code, with_text("cannot create the bridge", route), name);
  RCRT_ASSIGN(auto link, find_link(route, name));
  if (!link) return sdk::fail(ENODEV, "the bridge vanished as soon as it was created", name);
  return link->index;
}

Status start_bridge(Netlink& route, int bridge, const Network& network) {
  std::vector<Message> messages;
  for (const Range* range : {&network.v4, &network.v6})
    if (range->subnet.valid())
      messages.push_back(address_message(bridge, range->gateway, range->subnet.prefix));
  Message up = link_message(RTM_NEWLINK, 0, bridge, IFF_UP, IFF_UP);
  // Not when it is created: only an MTU that is set later stays when the bridge has no port.
  up.put_u32(IFLA_MTU, network.mtu);
  messages.push_back(std::move(up));
  RCRT_ASSIGN(auto codes, route.send_all(messages));
  for (size_t i = 0; i < codes.size(); ++i)
    if (codes[i] != 0)
      return sdk::fail(codes[i],
                       with_text(i + 1 < codes.size() ? "cannot give the bridge its address"
                                                      : "cannot bring up the bridge",
                                 route),
                       network.bridge);
  return {};
}

Status set_master(Netlink& route, const std::string& name, int bridge) {
  Message message = link_message(RTM_NEWLINK, 0, 0, IFF_UP, IFF_UP);
  message.put(IFLA_IFNAME, name);
  message.put_u32(IFLA_MASTER, static_cast<uint32_t>(bridge));
  RCRT_ASSIGN(int code, route.request(std::move(message)));
  if (code != 0) return sdk::fail(code, with_text("cannot connect the link to its bridge", route), name);
  return {};
}

Status create_veth(Netlink& route, const Veth& veth) {
  Message message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, IFF_UP, IFF_UP);
  message.put(IFLA_IFNAME, veth.host);
  message.put_u32(IFLA_MTU, veth.mtu);
  message.put_u32(IFLA_MASTER, static_cast<uint32_t>(veth.bridge));
  message.nest(IFLA_LINKINFO, [&] {
    message.put(IFLA_INFO_KIND, std::string_view("veth"));
    message.nest(IFLA_INFO_DATA, [&] {
      message.nest(VETH_INFO_PEER, [&] {
        ifinfomsg peer{};
        message.header(&peer, sizeof peer);
        message.put(IFLA_IFNAME, veth.inside);
        message.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(veth.netns));
        message.put_u32(IFLA_MTU, veth.mtu);
        message.put(IFLA_ADDRESS, veth.mac.data(), veth.mac.size());
      });
    });
  });
  RCRT_ASSIGN(int code, route.request(std::move(message)));
  if (code == EEXIST)
    return sdk::fail(code, "cannot connect the container: it has an interface of this name already",
                     veth.inside, "choose another name, or disconnect the network that has it");
  if (code == EXFULL)
    return sdk::fail(code, "the bridge is full: the kernel allows 1023 containers on one", veth.host,
                     "create another network");
  if (code != 0)
    return sdk::fail(code, with_text("cannot create the container's interface", route), veth.inside);
  return {};
}

Status wait_forwarding(Netlink& route, const std::string& name, const std::string& bridge) {
  for (int i = 0; i < 1000; ++i) {
    RCRT_ASSIGN(auto link, find_link(route, name));
    if (!link) return sdk::fail(ENODEV, "the container's link vanished", name, "did the container die?");
    if (link->forwarding) {
      RCRT_ASSIGN(auto master, find_link(route, bridge));
      if (!master) return sdk::fail(ENODEV, "the bridge vanished", bridge, "try again");
      if (master->running) return {};
    }
    poll(nullptr, 0, i < 20 ? 0 : 1);
  }
  return sdk::fail(ETIMEDOUT, "the container's link does not come up", name);
}

Status configure_inside(Netlink& inside, const Attachment& attachment, const Network& network) {
  RCRT_ASSIGN(auto link, find_link(inside, attachment.interface));
  if (!link) return sdk::fail(ENODEV, "the container's interface vanished", attachment.interface);
  constexpr int kLoopback = 1;
  std::vector<Message> messages;
  std::vector<const char*> what;
  for (const Address* address : {&attachment.v4, &attachment.v6})
    if (address->valid()) {
      const Range& range = address->family == AF_INET ? network.v4 : network.v6;
      messages.push_back(address_message(link->index, *address, range.subnet.prefix));
      what.push_back("cannot give the container its address");
    }
  messages.push_back(link_message(RTM_NEWLINK, 0, kLoopback, IFF_UP, IFF_UP));
  what.push_back("cannot bring up the container's loopback interface");
  messages.push_back(link_message(RTM_NEWLINK, 0, link->index, IFF_UP, IFF_UP));
  what.push_back("cannot bring up the container's interface");
  size_t routes = messages.size();
  for (const Range* range : {&network.v4, &network.v6})
    if (range->subnet.valid() && !network.internal) {
      messages.push_back(default_route(link->index, range->gateway));
      what.push_back("cannot set the container's default route");
    }
  RCRT_ASSIGN(auto codes, inside.send_all(messages));
  for (size_t i = 0; i < codes.size(); ++i) {
    // A container on several networks keeps the default route of the first.
    if (codes[i] == 0 || (i >= routes && codes[i] == EEXIST)) continue;
    return sdk::fail(codes[i], with_text(what[i], inside), attachment.interface);
  }
  return {};
}

Status add_local_route(Netlink& route, const Link& link, const Address& address) {
  constexpr uint32_t kMetric = 2048;  // after the loopback's own
  Message message = route_message(RT_TABLE_LOCAL, RTN_LOCAL, address, RTA_DST);
  message.put_u32(RTA_PRIORITY, kMetric);
  message.put_u32(RTA_OIF, static_cast<uint32_t>(link.index));
  RCRT_ASSIGN(int code, route.request(std::move(message)));
  if (code != 0 && code != EEXIST)
    return sdk::fail(code, with_text("cannot route to " + address.text(), route), link.name);
  return {};
}

Expected<std::vector<Route>> all_routes(Netlink& route, int family) {
  Message message(RTM_GETROUTE, NLM_F_DUMP);
  rtmsg info{};
  info.rtm_family = static_cast<uint8_t>(family);
  message.header(&info, sizeof info);
  std::vector<Route> routes;
  RCRT_ASSIGN(int code, route.query(std::move(message), [&](const nlmsghdr* header) {
    size_t offset = NLMSG_SPACE(sizeof(rtmsg));
    if (header->nlmsg_type != RTM_NEWROUTE || header->nlmsg_len < offset) return;
    const auto* found = static_cast<const rtmsg*>(NLMSG_DATA(header));
    if (found->rtm_type != RTN_UNICAST || found->rtm_table == RT_TABLE_LOCAL) return;
    Attributes attributes(reinterpret_cast<const char*>(header) + offset, header->nlmsg_len - offset);
    Route one;
    one.destination = {Address::any(family), found->rtm_dst_len};
    std::string_view bytes = attributes.bytes(RTA_DST);
    if (bytes.size() == one.destination.base.size())
      memcpy(one.destination.base.bytes.data(), bytes.data(), bytes.size());
    one.link = static_cast<int>(attributes.u32(RTA_OIF));
    std::string_view hops = attributes.bytes(RTA_MULTIPATH);
    rtnexthop hop;
    if (one.link == 0 && hops.size() >= sizeof hop) {
      memcpy(&hop, hops.data(), sizeof hop);
      one.link = hop.rtnh_ifindex;
    }
    routes.push_back(one);
  }));
  if (code != 0) return sdk::fail(code, "cannot list the routes");
  return routes;
}

}  // namespace rcrt::bridge
