// SPDX-License-Identifier: MIT
// net-bridge in a "host" of the test's own, with an uplink to an "outside" namespace.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <rcrt/fake_host.hpp>
#include <rcrt/plugin.hpp>
#include <set>

#include "tests/support/host_state.h"
#include "tests/support/namespaces.h"

namespace {

using rcrt::sdk::FakeHost;
using rcrt::sdk::Json;
using rcrt::test::end_process;
using rcrt::test::HostState;
using rcrt::test::NetworkNamespace;
using rcrt::test::observe;

constexpr const char* kPlugin = "plugins/net-bridge/net-bridge.so";
constexpr const char* kWithFaultPoints = "plugins/net-bridge/faults/net-bridge.so";

const rcrt_network_v1* load(const char* plugin = kPlugin) {
  void* handle = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return nullptr;
  auto* entry = static_cast<const rcrt_plugin*>(dlsym(handle, RCRT_PLUGIN_SYMBOL));
  return entry ? static_cast<const rcrt_network_v1*>(entry->get_interface(RCRT_NETWORK_V1)) : nullptr;
}

// Somebody else's firewall, as rich as the kernel here allows.
constexpr const char* kForeign = R"(
table inet mine {
  comment "do not touch"
  set blocked { type ipv4_addr; flags timeout; elements = { 198.51.100.7 timeout 1h } }
  map verdicts { type inet_service : verdict; elements = { 23 : drop, 22 : accept } }
  counter seen { packets 5 bytes 500 }
  quota daily { over 500 mbytes used 3 mbytes }
  chain input {
    type filter hook input priority 10; policy accept;
    ip saddr @blocked counter packets 7 bytes 70 drop comment "blocked"
    tcp dport vmap @verdicts
    meta mark 7 quota name "daily" drop
  }
})";

// Each line of a server's answer is the address it saw its client under.
void serve(int family, uint16_t port) {
  int listener = socket(family, SOCK_STREAM, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  v6.sin6_family = AF_INET6, v6.sin6_port = htons(port);
  v4.sin_family = AF_INET, v4.sin_port = htons(port);
  auto* address = family == AF_INET ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
  if (bind(listener, address, family == AF_INET ? sizeof v4 : sizeof v6) != 0 || listen(listener, 9) != 0)
    return;
  for (;;) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    int fd = accept(listener, reinterpret_cast<sockaddr*>(&peer), &size);
    char text[INET6_ADDRSTRLEN];
    const void* bytes = family == AF_INET
                            ? static_cast<void*>(&reinterpret_cast<sockaddr_in*>(&peer)->sin_addr)
                            : &reinterpret_cast<sockaddr_in6*>(&peer)->sin6_addr;
    inet_ntop(family, bytes, text, sizeof text);
    if (write(fd, text, strlen(text)) < 0) return;
    close(fd);
  }
}

// What the server says, or "" when it cannot be reached; the reason goes to the log.
std::string ask(const std::string& host, uint16_t port) {
  int family = host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  v6.sin6_family = AF_INET6, v6.sin6_port = htons(port);
  v4.sin_family = AF_INET, v4.sin_port = htons(port);
  inet_pton(family, host.c_str(),
            family == AF_INET ? static_cast<void*>(&v4.sin_addr) : static_cast<void*>(&v6.sin6_addr));
  int fd = socket(family, SOCK_STREAM, 0);
  timeval limit{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  auto* address = family == AF_INET ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
  char text[64];
  ssize_t size =
      connect(fd, address, family == AF_INET ? sizeof v4 : sizeof v6) == 0 ? read(fd, text, 64) : -1;
  if (size < 0) fprintf(stderr, "%s port %u: %s\n", host.c_str(), port, strerror(errno));
  close(fd);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
}

std::string ask_from(const NetworkNamespace& where, const std::string& host, uint16_t port) {
  int answer[2];
  if (pipe(answer) != 0) return "no pipe";
  pid_t child = where.spawn([&] {
    std::string text = ask(host, port);
    if (write(answer[1], text.data(), text.size()) < 0) _exit(1);
  });
  close(answer[1]);
  char text[64];
  ssize_t size = read(answer[0], text, sizeof text);
  close(answer[0]);
  waitpid(child, nullptr, 0);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
}

class BridgeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { own_host_ = geteuid() == 0 && rcrt::test::become_own_host(); }

  void SetUp() override {
    if (!own_host_) GTEST_SKIP() << "needs root: network namespaces cannot be made here";
    net_ = load();
    ASSERT_NE(net_, nullptr) << dlerror();
    char path[] = "/tmp/rcrt-net-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    dir_ = path;
    std::filesystem::create_directories(dir_ + "/state");
    std::filesystem::create_directories(dir_ + "/data");
    outside_ = std::make_unique<NetworkNamespace>();
    observe(
        "sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0;"
        // Link-local addresses at once, or neighbours are not asked for in the first second.
        "sysctl -qw net.ipv6.conf.default.accept_dad=0; ip link set lo up; ip link add up0 mtu 1400 type "
        "veth peer name out0 mtu 1400 netns " +
        std::to_string(outside_->pid()) +
        "; ip addr add 203.0.113.1/24 dev up0; ip addr add 2001:db8::1/64 dev up0 nodad; ip link set up0 up");
    outside_->observe(
        "ip link set lo up; ip addr add 203.0.113.9/24 dev out0;"
        "ip addr add 2001:db8::9/64 dev out0 nodad; ip link set out0 up");
    observe("ip route add default via 203.0.113.9; ip -6 route add default via 2001:db8::9");
    observe(std::string("nft -f - <<'END'\n") + kForeign + "\nEND\n");
    observe("iptables-nft -A INPUT -p tcp -m multiport --dports 1,2 -m comment --comment x -j ACCEPT");
    before_ = std::make_unique<HostState>(HostState::take());
  }

  void TearDown() override {
    if (!own_host_ || dir_.empty()) return;
    FakeHost host;
    EXPECT_EQ(host.call(net_->teardown, shared()), 0) << host.error_what << " " << host.error_object;
    EXPECT_EQ(before_->diff(HostState::take()), "");
    observe("ip link del up0; nft flush ruleset");
    std::filesystem::remove_all(dir_);
  }

  Json shared() const { return {{"state_dir", dir_ + "/state"}, {"data_dir", dir_ + "/data"}}; }
  Json request(int number, Json ports = Json::array(), Json network = {{"name", "bridge"}}) const {
    char id[65];
    snprintf(id, sizeof id, "%064x", number);
    Json json = shared();
    json.update({{"container", id},
                 {"name", "c"},
                 {"index", 0},
                 {"interface", "eth0"},
                 {"network", network},
                 {"ports", ports}});
    return json;
  }
  static Json port(const char* host_ip, int host, int inside) {
    return {{"host_ip", host_ip}, {"host_port", host}, {"container_port", inside}, {"protocol", "tcp"}};
  }
  void attach(FakeHost& host, const Json& request, const NetworkNamespace& ns) {
    ASSERT_EQ(host.call(net_->attach, request, {{"netns", ns.fd()}}), 0)
        << host.error_what << " \"" << host.error_object << "\" " << host.error_hint;
  }

  inline static bool own_host_ = false;
  const rcrt_network_v1* net_ = nullptr;
  std::string dir_;
  std::unique_ptr<NetworkNamespace> outside_;
  std::unique_ptr<HostState> before_;
};

TEST_F(BridgeTest, ConnectsWithTheUplinksMtuAndGivesTheHostBack) {
  NetworkNamespace a, b;
  FakeHost host;
  attach(host, request(1), a);
  EXPECT_EQ(host.result["interfaces"][0]["mtu"], 1400);
  EXPECT_EQ(host.result["addresses"].size(), 2u);
  attach(host, request(2), b);
  std::string first = "10.89.0.2";
  EXPECT_NE(b.observe("ping -c1 -W2 " + first).find(" 0% packet loss"), std::string::npos);
  EXPECT_NE(b.observe("ping -c1 -W2 203.0.113.9").find(" 0% packet loss"), std::string::npos);
  EXPECT_NE(b.observe("ip link show eth0").find("mtu 1400"), std::string::npos);
  EXPECT_NE(observe("ip link show rcrt0").find("mtu 1400"), std::string::npos);
  EXPECT_EQ(host.call(net_->detach, request(1), {{"netns", a.fd()}}), 0);
  EXPECT_EQ(host.call(net_->detach, request(1), {{"netns", a.fd()}}), 0) << "idempotent";
  EXPECT_EQ(host.call(net_->idle, shared()), 0);
  EXPECT_NE(observe("nft list tables").find("inet rcrt"), std::string::npos) << "one container is left";
  EXPECT_EQ(host.call(net_->detach, request(2), {{"netns", b.fd()}}), 0);
  // The links of those that are gone go some time after them.
  EXPECT_EQ(
      observe(
          "for i in $(ip -o link show master rcrt0 | cut -d: -f2 | cut -d@ -f1); do ip link del $i; done"),
      "");
  EXPECT_NE(observe("ip link show rcrt0").find("mtu 1400"), std::string::npos) << "without ports too";
  EXPECT_EQ(host.call(net_->idle, shared()), 0);
  EXPECT_EQ(before_->diff(HostState::take()), "");
}

// Two containers that end at once: the one that comes second to take down what is unused waits
// for the first, which may have found the other's network in use a moment ago.
TEST_F(BridgeTest, IdleWaitsForItsTurn) {
  NetworkNamespace a;
  FakeHost host;
  attach(host, request(1), a);
  EXPECT_EQ(host.call(net_->detach, request(1), {{"netns", a.fd()}}), 0);
  int lock = open((dir_ + "/state/.bridge/lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(flock(lock, LOCK_EX), 0);
  pid_t second = fork();
  if (second == 0) {
    close(lock);
    _exit(host.call(net_->idle, shared()));
  }
  usleep(100'000);
  close(lock);
  int status = -1;
  EXPECT_EQ(waitpid(second, &status, 0), second);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(before_->diff(HostState::take()), "");
}

TEST_F(BridgeTest, RouterAdvertisementsAreIgnoredOneWayOrTheOther) {
  const char* kAccepted = "cat /proc/sys/net/ipv6/conf/eth0/accept_ra";
  NetworkNamespace a, b;
  FakeHost host;
  attach(host, request(1), a);
  EXPECT_EQ(a.observe(kAccepted), "1\n");
  EXPECT_NE(observe("nft list table bridge rcrt").find("nd-router-advert drop"), std::string::npos);
  // As on a kernel without nftables for bridges.
  EXPECT_EQ(observe("nft delete table bridge rcrt"), "");
  attach(host, request(2), b);
  EXPECT_EQ(b.observe(kAccepted), "0\n");
  for (auto [number, ns] : {std::pair{1, &a}, {2, &b}})
    EXPECT_EQ(host.call(net_->detach, request(number), {{"netns", ns->fd()}}), 0);
}

TEST_F(BridgeTest, PublishedPortsKeepTheirSource) {
  NetworkNamespace server, client;
  FakeHost host;
  attach(host, request(1, {port("", 8080, 80), port("127.0.0.1", 8081, 81)}), server);
  attach(host, request(2), client);
  std::vector<pid_t> servers;
  for (int number : {80, 81})
    for (int family : {AF_INET, AF_INET6})
      servers.push_back(server.spawn([=] { serve(family, static_cast<uint16_t>(number)); }));
  for (auto [host, number] : {std::pair{"127.0.0.1", 8080}, {"127.0.0.1", 8081}, {"2001:db8::1", 8080}})
    for (int i = 0; i < 100 && ask(host, static_cast<uint16_t>(number)).empty(); ++i) usleep(20000);
  EXPECT_EQ(ask_from(*outside_, "203.0.113.1", 8080), "203.0.113.9");
  for (int i = 0; i < 5 && ask_from(*outside_, "2001:db8::1", 8080).empty(); ++i) sleep(1);  // neighbours
  EXPECT_EQ(ask_from(*outside_, "2001:db8::1", 8080), "2001:db8::9");
  EXPECT_NE(ask("203.0.113.1", 8080), "");
  EXPECT_NE(ask("127.0.0.1", 8080), "");
  EXPECT_NE(ask_from(client, "203.0.113.1", 8080), "");
  EXPECT_NE(ask_from(server, "203.0.113.1", 8080), "") << "a container through its own port";
  // Published on the loopback: for the host only, whatever routes an attacker sets.
  EXPECT_NE(ask("127.0.0.1", 8081), "");
  outside_->observe(
      "ip route add 10.89.0.0/16 via 203.0.113.1; sysctl -qw net.ipv4.conf.all.route_localnet=1;"
      "ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.1 via 203.0.113.1 src 203.0.113.9");
  EXPECT_EQ(ask_from(*outside_, "203.0.113.1", 8081), "");
  EXPECT_EQ(ask_from(*outside_, "127.0.0.1", 8081), "");
  EXPECT_EQ(ask_from(*outside_, "10.89.0.2", 81), "") << "nor at the container's own address";
  client.observe(
      "ip addr del 127.0.0.1/8 dev lo; sysctl -qw net.ipv4.conf.all.route_localnet=1;"
      "ip route add 127.0.0.1 via 10.89.0.1 src 10.89.0.3");
  EXPECT_EQ(ask_from(client, "127.0.0.1", 8081), "");
  for (pid_t pid : servers) end_process(pid);
}

TEST_F(BridgeTest, APortInUseSaysWhose) {
  NetworkNamespace a, b;
  FakeHost host;
  attach(host, request(1, {port("", 8080, 80)}), a);
  EXPECT_EQ(host.call(net_->attach, request(2, {port("127.0.0.1", 8080, 80)}), {{"netns", b.fd()}}),
            -EADDRINUSE);
  EXPECT_NE(host.error_hint.find("container 0000"), std::string::npos) << host.error_hint;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET, address.sin_port = htons(8090);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  EXPECT_EQ(host.call(net_->attach, request(2, {port("", 8090, 80)}), {{"netns", b.fd()}}), -EADDRINUSE);
  EXPECT_NE(host.error_hint.find("process " + std::to_string(getpid())), std::string::npos)
      << host.error_hint;
  close(fd);
  attach(host, request(2, {port("", 0, 80)}), b);
  EXPECT_GT(host.result["ports"][0]["host_port"], 0);
}

TEST_F(BridgeTest, NetworksAreIsolatedAndInternalOnesGoNowhere) {
  NetworkNamespace a, b, c;
  FakeHost host;
  attach(host, request(1), a);
  attach(host, request(2, Json::array(), {{"name", "other"}}), b);
  attach(host, request(3, Json::array(), {{"name", "inside"}, {"internal", true}}), c);
  EXPECT_NE(b.observe("ping -c1 -W1 203.0.113.9").find(" 0% packet loss"), std::string::npos);
  EXPECT_NE(b.observe("ping -c1 -W1 10.89.0.2").find("100% packet loss"), std::string::npos);
  c.observe("ip route add default via 10.91.0.1");
  EXPECT_NE(c.observe("ping -c1 -W1 203.0.113.9").find("100% packet loss"), std::string::npos);
}

TEST_F(BridgeTest, AFlushedRulesetComesBackAndOthersEditsStay) {
  NetworkNamespace a;
  FakeHost host;
  attach(host, request(1, {port("", 8080, 80)}), a);
  pid_t server = a.spawn([] { serve(AF_INET, 80); });
  for (int i = 0; i < 100 && ask("127.0.0.1", 8080).empty(); ++i) usleep(20000);
  std::string saved = observe("nft -s list table inet rcrt");
  observe("nft flush ruleset");
  EXPECT_EQ(ask_from(*outside_, "203.0.113.1", 8080), "");
  EXPECT_EQ(host.call(net_->reconcile, shared()), 0);
  EXPECT_EQ(observe("nft -s list table inet rcrt"), saved);
  EXPECT_EQ(ask_from(*outside_, "203.0.113.1", 8080), "203.0.113.9");
  observe("nft add table ip edited");
  end_process(server);
  EXPECT_EQ(host.call(net_->teardown, shared()), 0);
  EXPECT_EQ(observe("nft list ruleset"), "table ip edited {\n}\n");
  before_ = std::make_unique<HostState>(HostState::take());
}

TEST_F(BridgeTest, TwoHundredAtOnceAllDiffer) {
  constexpr int kCount = 200;
  std::vector<std::unique_ptr<NetworkNamespace>> spaces;
  for (int i = 0; i < kCount; ++i) spaces.push_back(std::make_unique<NetworkNamespace>());
  std::vector<pid_t> children;
  for (int i = 0; i < kCount; ++i) {
    pid_t child = fork();
    if (child == 0) {
      FakeHost host;
      _exit(host.call(net_->attach, request(i + 1), {{"netns", spaces[i]->fd()}}) == 0 ? 0 : 1);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  FakeHost host;
  ASSERT_EQ(host.call(net_->status, shared()), 0);
  std::set<std::string> addresses;
  for (const Json& attachment : host.result["attachments"])
    for (const Json& address : attachment["addresses"]) addresses.insert(address.get<std::string>());
  EXPECT_EQ(addresses.size(), 2u * kCount);
  Json last = request(0);
  for (int i = 0; i < kCount; ++i) EXPECT_EQ(host.call(net_->detach, request(i + 1)), 0);
  spaces.clear();
}

TEST_F(BridgeTest, TheRulesetIsSavedAndRestoreWarns) {
  NetworkNamespace a;
  FakeHost host;
  attach(host, request(1), a);
  ASSERT_EQ(host.call(net_->backups, shared()), 0);
  ASSERT_EQ(host.result["backups"].size(), 1u);
  Json ask = shared();
  ask["id"] = host.result["backups"][0]["id"];
  observe("nft add table ip later");
  ASSERT_EQ(host.call(net_->restore, ask), 0) << host.error_what;
  std::string lost = host.result["lost"].dump();
  for (const char* word : {"handles", "counters", "quotas", "timeout", "iptables-nft", "table ip later"})
    EXPECT_NE(lost.find(word), std::string::npos) << word << " in " << lost;
  EXPECT_NE(observe("nft list tables").find("ip later"), std::string::npos) << "nothing was confirmed";
  observe("nft delete table ip later");
}

TEST_F(BridgeTest, DoctorNamesTheChainThatDrops) {
  FakeHost host;
  observe(
      "nft add table ip strict; nft 'add chain ip strict walls { type filter hook forward priority 0; policy "
      "drop; }'");
  ASSERT_EQ(host.call(net_->doctor, shared()), 0) << host.error_what;
  EXPECT_NE(host.result.dump().find("table ip strict, chain walls: its policy drop"), std::string::npos)
      << host.result;
  observe("nft delete table ip strict");
}

TEST_F(BridgeTest, KilledAnywhereItLeavesNothing) {
  const rcrt_network_v1* net = load(kWithFaultPoints);
  ASSERT_NE(net, nullptr) << dlerror();
  auto killed_at = [&](int point, rcrt_function function, const Json& request, const NetworkNamespace& ns) {
    pid_t child = fork();
    if (child == 0) {
      setenv("RCRT_FAULT_AT", std::to_string(point).c_str(), 1);
      FakeHost host;
      _exit(host.call(function, request, {{"netns", ns.fd()}}) == 0 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status);
  };
  FakeHost host;
  Json wanted = request(1, {port("", 8080, 80), port("127.0.0.1", 0, 81)});
  int point = 1;
  for (;; ++point) {
    NetworkNamespace ns;
    bool killed = killed_at(point, net->attach, wanted, ns);
    // In processes of their own: the points passed are counted in each.
    EXPECT_FALSE(killed_at(0, net->detach, wanted, ns)) << point;
    EXPECT_FALSE(killed_at(0, net->idle, wanted, ns)) << point;
    ASSERT_EQ(before_->diff(HostState::take()), "") << "attach killed at point " << point;
    if (!killed) break;
  }
  EXPECT_GT(point, 15);
}

}  // namespace
