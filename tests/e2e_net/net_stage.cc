// SPDX-License-Identifier: MIT
#include "tests/e2e_net/net_stage.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <sstream>

#include "tests/e2e/own_host.h"

namespace rcrt::test {
namespace {

constexpr const char* kForeign = R"(
table inet mine {
  comment "do not touch"
  set blocked { type ipv4_addr; flags timeout; elements = { 198.51.100.7 timeout 1h comment "a scanner" } }
  set wide { type ipv4_addr; flags interval; auto-merge; elements = { 192.0.2.0/25, 198.51.100.64-198.51.100.80 } }
  set busy { type ipv4_addr; flags dynamic; timeout 10m; size 100; }
  map verdicts { type inet_service : verdict; elements = { 23 : drop, 22 : accept } }
  map targets { type ipv4_addr . inet_service : ipv4_addr . inet_service; elements = { 192.0.2.1 . 81 : 192.0.2.2 . 82 } }
  counter seen { packets 5 bytes 500 }
  quota daily { over 500 mbytes used 3 mbytes }
  chain input {
    type filter hook input priority 10; policy accept;
    ip saddr @blocked counter packets 7 bytes 70 drop comment "blocked"
    ip saddr @wide tcp dport 24 add @busy { ip saddr limit rate over 3/minute } counter name "seen" drop
    tcp dport vmap @verdicts
    meta mark 7 quota name "daily" drop
  }
  chain redirected {
    type nat hook prerouting priority -110; policy accept;
    meta mark 9 dnat ip to ip daddr . tcp dport map @targets
  }
}
table arp watched {
  chain input { type filter hook input priority 0; policy accept; arp operation 77 drop; }
})";

// The bridge, its links and everything of a container go some time after it.
bool within_seconds(double seconds, const std::function<bool()>& condition) {
  timespec now;
  auto clock = [&] { return clock_gettime(CLOCK_MONOTONIC, &now), now.tv_sec + now.tv_nsec / 1e9; };
  for (double end = clock() + seconds; clock() < end; usleep(100'000))
    if (condition()) return true;
  return condition();
}

constexpr const char* kWget = "busybox timeout 5 busybox wget -qO- ";

std::string page_or_nothing(const std::string& text) { return text.starts_with("hello") ? text : ""; }

}  // namespace

void load_foreign_firewall() {
  EXPECT_EQ(observe(std::string("nft -f - <<'END'\n") + kForeign + "\nEND\n"), "");
  EXPECT_EQ(
      observe("iptables-nft -A INPUT -p tcp -m multiport --dports 1,2 -m comment --comment x -j ACCEPT;"
              "iptables-nft -A FORWARD -s 192.0.2.7 -m statistic --mode nth --every 3 --packet 0 -j DROP;"
              "iptables-nft -t nat -A POSTROUTING -s 192.0.2.0/24 -o up0 -m addrtype ! --dst-type LOCAL -j "
              "MASQUERADE;"
              "ip6tables-nft -A INPUT -p tcp --dport 3 -m conntrack --ctstate INVALID -j DROP"),
      "");
}

std::string fetch(const std::string& url) { return page_or_nothing(observe(kWget + url)); }

std::string fetch_from(const NetworkNamespace& where, const std::string& url) {
  return page_or_nothing(where.observe(kWget + url));
}

void NetTest::set_up(const std::function<void()>& prepare) {
  if (!own_host_problem().empty()) return;
  outside = std::make_unique<NetworkNamespace>();
  // Link-local addresses at once, or neighbours are not asked for in the first second. Rules of
  // iptables on bridged packets are the kernel's default and not the test's matter.
  observe("sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0");
  EXPECT_EQ(observe("sysctl -qw net.ipv6.conf.default.accept_dad=0; ip link set lo up;"
                    "ip link add up0 mtu 1400 type veth peer name out0 mtu 1400 netns " +
                    std::to_string(outside->pid()) +
                    "; ip addr add 203.0.113.1/24 dev up0; ip addr add 2001:db8::1/64 dev up0 nodad;"
                    "ip link set up0 up"),
            "");
  EXPECT_EQ(outside->observe("ip link set lo up; ip addr add 203.0.113.9/24 dev out0;"
                             "ip addr add 2001:db8::9/64 dev out0 nodad; ip link set out0 up"),
            "");
  EXPECT_EQ(observe("ip route add default via 203.0.113.9; ip -6 route add default via 2001:db8::9"), "");
  prepare();
  // An uplink's link-local address and its routes appear when the link has come up.
  EXPECT_TRUE(eventually(
      [] { return observe("ip -6 route show table local dev up0").find("fe80:") != std::string::npos; }));
  before = std::make_unique<HostState>(HostState::take());
  StageTest::SetUpTestSuite();
}

void NetTest::TearDownTestSuite() {
  StageTest::TearDownTestSuite();
  before.reset();
  outside.reset();
}

void NetTest::TearDown() {
  StageTest::TearDown();
  if (!before) return;
  std::string left;
  within_seconds(3, [&] { return (left = difference()).empty(); });
  EXPECT_EQ(left, "");
}

std::string NetTest::network_difference() {
  std::istringstream text(difference());
  std::string section, kept;
  for (std::string line; std::getline(text, line);) {
    if (line[0] != '+' && line[0] != '-') section = line;
    if (section != "cgroups:") kept += line + "\n";
  }
  return kept;
}

pid_t NetTest::start(const std::string& name, const std::vector<std::string>& options,
                     const std::vector<std::string>& command) {
  std::vector<std::string> words = {"--net=bridge", "run", "-d", "--name", name};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back("busybox");
  words.insert(words.end(), command.begin(), command.end());
  Output output = run(words);
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_EQ(output.err, "");
  return process(name);
}

pid_t NetTest::start_server(const std::string& name, const std::vector<std::string>& options) {
  pid_t pid =
      start(name, options, {"sh", "-c", "mkdir /www; echo hello >/www/i; exec httpd -f -v -p 80 -h /www"});
  EXPECT_TRUE(eventually([&] { return fetch("http://" + setting(name, "IPAddress") + "/i") != ""; }))
      << logs(name);
  return pid;
}

std::string NetTest::setting(const std::string& name, const std::string& member) {
  return stage->inspect(name)["NetworkSettings"].value(member, "");
}

std::string NetTest::inside(pid_t pid, const std::string& command) {
  return observe("nsenter -t " + std::to_string(pid) + " -n sh -c '" + command + "'");
}

pid_t NetTest::spawn_inside(pid_t pid, const std::function<void()>& body) {
  int fd = open(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC);
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setns(fd, CLONE_NEWNET) == 0) body();
    _exit(0);
  }
  close(fd);
  return child;
}

}  // namespace rcrt::test
