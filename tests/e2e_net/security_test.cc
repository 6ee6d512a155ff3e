// SPDX-License-Identifier: MIT
// Attacks on networks that have worked on container runtimes, each seen to fail here.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "tests/e2e_net/net_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class SecurityTest : public NetTest {};

// CVE-2020-8558: a port published on the loopback, and whatever else listens there, from a
// neighbour who routes 127.0.0.1 to us.
TEST_F(SecurityTest, ALoopbackPortIsForTheHostAlone) {
  start_server("server", {"-p", "127.0.0.1:8081:80", "-p", "8080:80"});
  pid_t attacker = start("attacker", {});
  stage->file("i", "hello\n");
  Process local({"/usr/bin/busybox", "httpd", "-f", "-p", "127.0.0.1:8082", "-h", stage->dir()}, {});
  EXPECT_TRUE(eventually([] { return fetch("http://127.0.0.1:8082/i") != ""; }));
  EXPECT_EQ(fetch("http://127.0.0.1:8081/i"), "hello\n");
  EXPECT_EQ(fetch_from(*outside, "http://203.0.113.1:8080/i"), "hello\n") << "the way is open";
  EXPECT_EQ(fetch_from(*outside, "http://203.0.113.1:8081/i"), "");
  const char* kReroute =
      "sysctl -qw net.ipv4.conf.all.route_localnet=1 net.ipv4.conf.all.rp_filter=0;"
      "ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.1 via ";
  EXPECT_EQ(outside->observe(kReroute + std::string("203.0.113.1 src 203.0.113.9")), "");
  EXPECT_EQ(fetch_from(*outside, "http://127.0.0.1:8081/i"), "");
  EXPECT_EQ(fetch_from(*outside, "http://127.0.0.1:8082/i"), "");
  EXPECT_EQ(inside(attacker,
                   kReroute + setting("attacker", "Gateway") + " src " + setting("attacker", "IPAddress")),
            "");
  std::string wget = "busybox timeout 3 busybox wget -qO- http://127.0.0.1:";
  EXPECT_THAT(inside(attacker, wget + "8081/i"), Not(HasSubstr("hello")));
  EXPECT_THAT(inside(attacker, wget + "8082/i"), Not(HasSubstr("hello")));
  EXPECT_EQ(outside->observe("ip route del 127.0.0.1; ip addr add 127.0.0.1/8 dev lo"), "");
  EXPECT_EQ(run({"rm", "-f", "--all"}).code, 0);
}

// The same of ::1, to which the host has a route through the bridge for answers.
TEST_F(SecurityTest, AnIpv6LoopbackPortIsForTheHostAlone) {
  start_server("server", {"-p", "[::1]:8081:80", "-p", "8080:80"});
  pid_t attacker = start("attacker", {});
  stage->file("i", "hello\n");
  Process local({"/usr/bin/busybox", "httpd", "-f", "-p", "[::1]:8082", "-h", stage->dir()}, {});
  EXPECT_TRUE(eventually([] { return fetch("http://[::1]:8082/i") != ""; }));
  EXPECT_EQ(fetch("http://[::1]:8081/i"), "hello\n");
  EXPECT_TRUE(eventually([] { return fetch_from(*outside, "http://[2001:db8::1]:8080/i") != ""; }));
  EXPECT_EQ(fetch_from(*outside, "http://[2001:db8::1]:8081/i"), "");
  const char* kReroute = "ip -6 addr del ::1/128 dev lo; ip -6 route add ::1 via ";
  EXPECT_EQ(outside->observe(kReroute + std::string("2001:db8::1 src 2001:db8::9")), "");
  for (const char* port : {"8080", "8081", "8082"})
    EXPECT_EQ(fetch_from(*outside, std::string("http://[::1]:") + port + "/i"), "") << port;
  const std::string gateway = setting("attacker", "IPv6Gateway"),
                    ip = setting("attacker", "GlobalIPv6Address");
  EXPECT_EQ(inside(attacker, kReroute + gateway + " src " + ip), "");
  for (const char* port : {"8080", "8081", "8082"})
    EXPECT_THAT(
        inside(attacker, std::string("busybox timeout 3 busybox wget -qO- http://[::1]:") + port + "/i"),
        Not(HasSubstr("hello")))
        << port;
  EXPECT_EQ(outside->observe("ip -6 route del ::1; ip -6 addr add ::1/128 dev lo"), "");
  EXPECT_EQ(run({"rm", "-f", "--all"}).code, 0);
}

TEST_F(SecurityTest, WhatIsNotPublishedIsNotReachedFromOutside) {
  start_server("server", {"-p", "8080:80"});
  std::string ip = setting("server", "IPAddress"), ip6 = setting("server", "GlobalIPv6Address");
  EXPECT_EQ(
      outside->observe("ip route add " + ip + " via 203.0.113.1; ip route add " + ip6 + " via 2001:db8::1"),
      "");
  EXPECT_EQ(fetch_from(*outside, "http://" + ip + "/i"), "") << "routed to the container's own address";
  EXPECT_EQ(fetch_from(*outside, "http://[" + ip6 + "]/i"), "");
  EXPECT_EQ(fetch_from(*outside, "http://203.0.113.1:8080/i"), "hello\n");
  EXPECT_EQ(outside->observe("ip route del " + ip + "; ip route del " + ip6), "");
  EXPECT_EQ(run({"rm", "-f", "server"}).code, 0);
}

// A router advertisement with a prefix and a default route, to everybody on the link.
void advertise() {
  struct {
    nd_router_advert header;
    nd_opt_prefix_info prefix;
  } message{};
  message.header.nd_ra_type = ND_ROUTER_ADVERT;
  message.header.nd_ra_router_lifetime = htons(1800);
  message.prefix.nd_opt_pi_type = ND_OPT_PREFIX_INFORMATION;
  message.prefix.nd_opt_pi_len = 4;
  message.prefix.nd_opt_pi_prefix_len = 64;
  message.prefix.nd_opt_pi_flags_reserved = ND_OPT_PI_FLAG_ONLINK | ND_OPT_PI_FLAG_AUTO;
  message.prefix.nd_opt_pi_valid_time = message.prefix.nd_opt_pi_preferred_time = htonl(3600);
  inet_pton(AF_INET6, "2001:db8:bad::", &message.prefix.nd_opt_pi_prefix);
  int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), hops = 255;
  setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops);
  sockaddr_in6 all{};
  all.sin6_family = AF_INET6;
  all.sin6_scope_id = if_nametoindex("eth0");
  inet_pton(AF_INET6, "ff02::1", &all.sin6_addr);
  for (;; usleep(100'000))
    sendto(fd, &message, sizeof message, 0, reinterpret_cast<sockaddr*>(&all), sizeof all);
}

bool hears_advertisement(const char* interface) {
  int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
  setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, static_cast<socklen_t>(strlen(interface)));
  timeval limit{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  bool heard = false;
  for (unsigned char packet[1500]; !heard;) {
    ssize_t size = recv(fd, packet, sizeof packet, 0);
    if (size <= 0) break;
    heard = packet[0] == ND_ROUTER_ADVERT;
  }
  close(fd);
  return heard;
}

// CVE-2020-13401
TEST_F(SecurityTest, ARouterAdvertisementChangesNothing) {
  pid_t attacker = start("attacker", {}), neighbour = start("neighbour", {});
  const char* kSeen = "ip -6 -o addr | sed s/.tentative//; ip -6 route";
  EXPECT_TRUE(
      eventually([&] { return inside(attacker, "ip -6 addr show eth0 scope link tentative").empty(); }));
  std::string host = observe(kSeen), other = inside(neighbour, kSeen);
  pid_t sender = spawn_inside(attacker, advertise);
  EXPECT_TRUE(hears_advertisement("rcrt0"));
  EXPECT_TRUE(hears_advertisement("rcrt0")) << "and another, once the first has been dealt with";
  EXPECT_EQ(observe(kSeen), host);
  EXPECT_EQ(inside(neighbour, kSeen), other);
  EXPECT_THAT(host + other, Not(HasSubstr("2001:db8:bad:")));
  end_process(sender);
  EXPECT_EQ(run({"rm", "-f", "--all"}).code, 0);
}

TEST_F(SecurityTest, NetworksAreIsolated) {
  mkdir((stage->root() + "/networks").c_str(), 0700);
  std::ofstream(stage->root() + "/networks/other.json") << R"({"driver": "bridge"})";
  std::ofstream(stage->root() + "/networks/closed.json") << R"({"driver": "bridge", "internal": true})";
  start_server("server", {});
  std::string ip = setting("server", "IPAddress"), ip6 = setting("server", "GlobalIPv6Address");
  auto loses = [&](const std::string& network, const std::string& target) {
    Output output = sh({"--net=" + network}, "ping -c1 -W2 " + target);
    EXPECT_THAT(output.out + output.err,
                testing::AnyOf(HasSubstr("100% packet loss"), HasSubstr("unreachable")));
    return output.code != 0;
  };
  EXPECT_EQ(sh({"--net=bridge"}, "ping -c1 -W5 " + ip).code, 0);
  EXPECT_EQ(sh({"--net=other"}, "ping -c1 -W5 203.0.113.9").code, 0);
  EXPECT_TRUE(loses("other", ip));
  EXPECT_TRUE(loses("other", ip6));
  EXPECT_TRUE(loses("closed", ip));
  EXPECT_TRUE(loses("closed", "203.0.113.9"));
  EXPECT_EQ(run({"rm", "-f", "server"}).code, 0);
}

// CVE-2020-15257: containers share the host's network namespace, and abstract sockets with it.
TEST_F(SecurityTest, ThereAreNoAbstractSockets) {
  pid_t pid = start("c", {});
  EXPECT_THAT(observe("cat /proc/net/unix"), Not(HasSubstr("@")));
  EXPECT_THAT(inside(pid, "cat /proc/net/unix"), Not(HasSubstr("@")));
  EXPECT_EQ(run({"rm", "-f", "c"}).code, 0);
}

TEST_F(SecurityTest, NamesOfNetworksStayInTheirFolder) {
  start("c", {});
  for (const char* name : {"../evil", "..", "a/b", ".hidden"}) {
    Output output = run({std::string("--net=") + name, "run", "--rm", "busybox", "true"});
    EXPECT_EQ(output.code, 125) << name << output;
    Output connected = run({"network", "connect", name, "c"});
    EXPECT_EQ(connected.code, 125) << name;
    EXPECT_THAT(connected.err, HasSubstr("invalid network name"));
  }
  EXPECT_EQ(run({"rm", "-f", "c"}).code, 0);
}

}  // namespace
}  // namespace rcrt::test
