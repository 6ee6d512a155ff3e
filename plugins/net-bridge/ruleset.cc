// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/ruleset.h"

#include <sys/socket.h>

namespace rcrt::bridge {
namespace {

constexpr const char* kTableText = R"(
table inet rcrt {
  # every bridge; those without a way out; each bridge with itself
  set bridges { type ifname; }
  set internal { type ifname; }
  set same { type ifname . ifname; }
  # subnets that leave the host under its own address
  set subnets4 { type ipv4_addr; flags interval; }
  set subnets6 { type ipv6_addr; flags interval; }
  # published ports: on one address of the host, and on all of them
  map ports4 { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }
  map ports6 { type inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service; }
  map anyports4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map anyports6 { type inet_proto . inet_service : ipv6_addr . inet_service; }

  # The bridges route 127.0.0.0/8 and ::1 (a published port answers there), so nothing that
  # arrives through one may be addressed to them.
  chain martians {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
    iifname @bridges ip6 daddr ::1 drop
  }
  chain publish {
    dnat ip to meta l4proto . ip daddr . th dport map @ports4
    dnat ip to meta l4proto . th dport map @anyports4
    dnat ip6 to meta l4proto . ip6 daddr . th dport map @ports6
    dnat ip6 to meta l4proto . th dport map @anyports6
  }
  # From other machines and containers: never what is published on the loopback only.
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr != 127.0.0.0/8 fib daddr type local jump publish
    ip6 daddr != ::1 fib daddr type local jump publish
  }
  # From the host itself.
  chain output {
    type nat hook output priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr @subnets4 oifname != @bridges masquerade
    ip6 saddr @subnets6 oifname != @bridges masquerade
    # the host's loopback; and a container that calls its neighbour by the host's address,
    # whose answer would not come back through the host (this hook does not know iifname)
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    oifname @bridges ip6 saddr ::1 masquerade
    ip saddr @subnets4 oifname @bridges ct status dnat masquerade
    ip6 saddr @subnets6 oifname @bridges ct status dnat masquerade
  }
  # Into a bridge goes what a container asked for and what is published, nothing else:
  # not from other networks, not from outside. Internal networks go nowhere.
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname . oifname @same accept
    iifname @internal drop
    oifname @internal drop
    ct state established,related accept
    oifname @bridges ct status dnat accept
    oifname @bridges drop
  }
}
)";

// Before the other rules of chain output: who calls ::1 is told at once that nobody listens there.
constexpr const char* kNoLoopbackText = "insert rule inet rcrt output ip6 daddr ::1 accept\n";

constexpr const char* kQuietText = R"(
table bridge rcrt {
  # What a starting container's IPv6 says to groups goes to every other container: with
  # hundreds of them that would be most of the work of a start. Nobody needs it: its routes
  # are set, and its addresses leased. So: nothing to routers (solicitations, memberships),
  # and no question whose an address is.
  chain prerouting {
    type filter hook prerouting priority filter; policy accept;
    ether type != ip6 accept
    iifname "rv*" ether daddr { 33:33:00:00:00:02, 33:33:00:00:00:16 } drop
    iifname "rv*" ip6 saddr :: drop
  }
  # Routers on a bridge are other containers: nobody listens to them.
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "rv*" icmpv6 type nd-router-advert drop
  }
}
)";

// Whoever closes a socket after something was deleted waits for the kernel to let it go, which takes
// 7 ms: what is not there is not deleted either.
std::string anew(const std::string& table, bool there) {
  return there ? "add table " + table + "\ndelete table " + table : "create table " + table;
}

std::string element(const char* verb, const std::string& set, const std::string& value) {
  return std::string(verb) + " element inet rcrt " + set + " { " + value + " }\n";
}

struct Element {
  std::string map, key, value;
};

std::vector<Element> elements_of(const Attachment& attachment) {
  std::vector<Element> elements;
  for (const Port& port : attachment.ports) {
    auto host = port.host_ip.empty() ? Address{} : Address::parse(port.host_ip).value_or(Address{});
    for (const Address* target : {&attachment.v4, &attachment.v6}) {
      if (!target->valid() || (host.valid() && host.family != target->family)) continue;
      bool every = !host.valid() || host.is_any();
      std::string key = port.protocol + " . ";
      if (!every) key += host.text() + " . ";
      elements.push_back({std::string(every ? "any" : "") + (target->family == AF_INET ? "ports4" : "ports6"),
                          key + std::to_string(port.host_port),
                          target->text() + " . " + std::to_string(port.container_port)});
    }
  }
  return elements;
}

}  // namespace

bool is_ours(const Table& table) {
  return table.name == kTable && (table.family == "inet" || table.family == "bridge");
}

std::string table_commands(bool there, bool ipv6_loopback) {
  return anew("inet rcrt", there) + kTableText + (ipv6_loopback ? "" : kNoLoopbackText);
}
std::string quiet_commands(bool there) { return anew("bridge rcrt", there) + kQuietText; }
std::string delete_table_command() { return "delete table inet rcrt\n"; }
std::string delete_quiet_commands() { return "add table bridge rcrt\ndelete table bridge rcrt\n"; }

std::string network_commands(const char* verb, const Network& network) {
  std::string name = "\"" + network.bridge + "\"";
  std::string commands = element(verb, "bridges", name) + element(verb, "same", name + " . " + name);
  if (network.internal) return commands + element(verb, "internal", name);
  if (network.v4.subnet.valid()) commands += element(verb, "subnets4", network.v4.subnet.text());
  if (network.v6.subnet.valid()) commands += element(verb, "subnets6", network.v6.subnet.text());
  return commands;
}

std::string port_commands(const char* verb, const Attachment& attachment) {
  std::string commands;
  for (const std::string& one : single_port_commands(verb, attachment)) commands += one;
  return commands;
}

std::vector<std::string> single_port_commands(const char* verb, const Attachment& attachment) {
  std::vector<std::string> commands;
  bool add = std::string_view(verb) == "add";
  for (const Element& e : elements_of(attachment))
    commands.push_back(element(verb, e.map, add ? e.key + " : " + e.value : e.key));
  return commands;
}

}  // namespace rcrt::bridge
