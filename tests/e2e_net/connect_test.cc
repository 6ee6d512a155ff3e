// SPDX-License-Identifier: MIT
// `rcrt network`: connecting and disconnecting running containers, teardown, reload, backups.
#include <gmock/gmock.h>

#include "tests/e2e_net/net_stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kTheirs =
    "nft 'add table inet theirs { chain c { type filter hook input priority 5; }; }';"
    "nft add rule inet theirs c ip saddr 192.0.2.9 drop comment theirs";

class ConnectTest : public NetTest {};

void expect_refused(const Output& output, const std::string& says) {
  EXPECT_EQ(output.code, 125) << output;
  EXPECT_THAT(output.err, HasSubstr(says));
  EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
}

void expect_done(const Output& output) {
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_EQ(output.err, "");
}

TEST_F(ConnectTest, ARunningContainerGetsTheOutsideAndLosesIt) {
  Output output = run({"--net=none", "run", "-d", "--name", "c", "busybox", "sleep", "1000"});
  expect_done(output);
  pid_t pid = process("c");
  std::string root = "/proc/" + std::to_string(pid) + "/root";
  EXPECT_EQ(inside(pid, "ip -o link | grep -v lo:"), "");
  EXPECT_EQ(observe("cat " + root + "/etc/resolv.conf"), "");
  std::string alone = observe("cat " + root + "/etc/hosts");

  expect_done(run({"network", "connect", "bridge", "c"}));
  EXPECT_THAT(inside(pid, "ping -c1 -W5 203.0.113.9"), HasSubstr(" 0% packet loss"));
  EXPECT_THAT(inside(pid, "ping -c1 -W5 2001:db8::9"), HasSubstr(" 0% packet loss"));
  EXPECT_EQ(observe("cat " + root + "/etc/resolv.conf"), sh({"--net=bridge"}, "cat /etc/resolv.conf").out);
  EXPECT_THAT(observe("cat " + root + "/etc/hosts"), HasSubstr(setting("c", "IPAddress") + "\t"));
  expect_refused(run({"network", "connect", "bridge", "c"}), "connected already");
  Json network = Json::parse(run({"network", "inspect", "bridge"}).out, nullptr, false);
  ASSERT_TRUE(network.is_array() && network.size() == 1);
  EXPECT_EQ(network[0]["Containers"].size(), 1u) << network;
  EXPECT_EQ(run({"network", "inspect", "-f", "{{.Name}} {{len .Containers}}", "bridge"}).out, "bridge 1\n");
  const Json member = network[0]["Containers"].begin().value();
  EXPECT_EQ(member["Name"], "c");
  EXPECT_EQ(member["IPv4Address"], setting("c", "IPAddress") + "/16");
  EXPECT_EQ(member["IPv6Address"], setting("c", "GlobalIPv6Address") + "/64");
  EXPECT_EQ(member["MacAddress"], setting("c", "MacAddress"));
  EXPECT_EQ(
      run({"network", "inspect", "-f",
           "{{.Id}} {{.Driver}} {{.Internal}} {{range .IPAM.Config}}{{.Gateway}} {{end}}{{.EnableIPv6}}",
           "bridge"})
          .out,
      "bridge bridge false " + setting("c", "Gateway") + " " + setting("c", "IPv6Gateway") + " true\n");

  expect_done(run({"network", "disconnect", "bridge", "c"}));
  EXPECT_EQ(inside(pid, "ip -o link | grep -v lo:"), "");
  EXPECT_EQ(observe("cat " + root + "/etc/resolv.conf"), "");
  EXPECT_EQ(observe("cat " + root + "/etc/hosts"), alone);
  expect_refused(run({"network", "disconnect", "bridge", "c"}), "not connected");
  EXPECT_TRUE(eventually([] { return difference().find("rcrt0") == std::string::npos; }))
      << "nobody uses the bridge any more: " << difference();

  expect_done(run({"network", "connect", "bridge", "c"}));
  EXPECT_THAT(inside(pid, "ping -c1 -W5 203.0.113.9"), HasSubstr(" 0% packet loss"));
  // What it got while it ran goes with it.
  expect_done(run({"rm", "-f", "c"}));
}

// The kernel takes down what it had before only when it comes to it.
TEST_F(ConnectTest, AContainerStartsAgainAtOnce) {
  ASSERT_EQ(run({"--net=bridge", "create", "--name", "again", "-p", "8080:80", "busybox", "ip", "addr"}).code,
            0);
  for (int time = 0; time < 12; ++time) {
    Output output = run({"start", "-a", "again"});
    EXPECT_EQ(output.code, 0) << output;
    EXPECT_THAT(output.out, HasSubstr("eth0"));
  }
  EXPECT_EQ(run({"rm", "again"}).code, 0);
}

// An interface is there only once its network is.
TEST_F(ConnectTest, SysctlsOfOneInterface) {
  Output output =
      run({"--net=bridge", "run", "--rm", "--sysctl", "net.ipv4.conf.eth0.forwarding=1", "--sysctl",
           "net/ipv6/conf/eth0/hop_limit=9", "--sysctl", "net.ipv4.conf.lo.log_martians=1", "busybox", "cat",
           "/proc/sys/net/ipv4/conf/eth0/forwarding", "/proc/sys/net/ipv6/conf/eth0/hop_limit",
           "/proc/sys/net/ipv4/conf/lo/log_martians"});
  EXPECT_EQ(output.out, "1\n9\n1\n") << output;
  output =
      run({"--net=bridge", "run", "--rm", "--sysctl", "net.ipv4.conf.eth7.forwarding=1", "busybox", "true"});
  EXPECT_EQ(output.code, 125);
  EXPECT_THAT(output.err, AllOf(HasSubstr("net/ipv4/conf/eth7/forwarding"), HasSubstr("no such interface")));
}

TEST_F(ConnectTest, AForegroundContainerConnectedLaterLeavesNothing) {
  auto client = stage->start(
      {"--net=none", "run", "--rm", "-i", "--name", "c", "busybox", "sh", "-c", "echo up; read x"});
  ASSERT_TRUE(client->wait_for("up\n"));
  expect_done(run({"network", "connect", "bridge", "c"}));
  client->write("\n");
  EXPECT_EQ(client->finish().code, 0);
}

TEST_F(ConnectTest, AContainerThatSharesANetworkSharesItsNames) {
  start("web", {"--hostname", "webhost", "--add-host", "db:192.0.2.7"});
  std::string files = "cat /etc/hosts /etc/hostname /etc/resolv.conf";
  std::string theirs =
      run({"--net=container:web", "run", "--rm", "busybox", "sh", "-c", "hostname; " + files}).out;
  EXPECT_EQ(theirs, "webhost\n" + observe("nsenter -t " + std::to_string(process("web")) + " -m sh -c '" +
                                          files + "'"));
  EXPECT_THAT(theirs, HasSubstr("192.0.2.7\tdb\n"));
  // A third one that joins the second is where the first is.
  expect_done(run({"--net=container:web", "run", "-d", "--name", "beside", "busybox", "sleep", "1000"}));
  EXPECT_EQ(run({"--net=container:beside", "run", "--rm", "busybox", "sh", "-c", "hostname; " + files}).out,
            theirs);
  for (auto option : std::vector<std::vector<std::string>>{{"--hostname", "x"},
                                                           {"--dns", "192.0.2.1"},
                                                           {"-p", "80"},
                                                           {"--add-host", "a:192.0.2.1"},
                                                           {"--ip", "10.89.0.9"}}) {
    std::vector<std::string> words = {"--net=container:web", "run", "--rm"};
    words.insert(words.end(), option.begin(), option.end());
    words.insert(words.end(), {"busybox", "true"});
    expect_refused(run(words), "container:web");
  }
  expect_refused(run({"network", "connect", "bridge", "beside"}), "no network of its own");
  expect_done(run({"rm", "-f", "beside", "web"}));
  expect_done(run({"--net=host", "run", "-d", "--name", "hostly", "busybox", "sleep", "1000"}));
  expect_refused(run({"network", "connect", "bridge", "hostly"}), "no network of its own");
  expect_done(run({"rm", "-f", "hostly"}));
}

TEST_F(ConnectTest, RefusesNetworksThatDoNotGoTogether) {
  auto networks = [](const std::string& one, const std::string& other, const std::string& option = "-i") {
    return run({"--net=" + one, "--net=" + other, "run", "--rm", option, "busybox", "true"});
  };
  expect_refused(networks("bridge", "bridge"), "network is named twice \"bridge\"");
  expect_refused(networks("bridge", "host"), "cannot be combined");
  expect_refused(run({"--net=none", "run", "--rm", "-p", "80", "busybox", "true"}), "cannot publish ports");
  expect_refused(run({"--net=host", "run", "--rm", "-p", "80", "busybox", "true"}), "cannot publish ports");
}

TEST_F(ConnectTest, ListsNetworks) {
  EXPECT_THAT(run({"network", "ls", "-q"}).out, HasSubstr("bridge\nhost\nnone\n"));
  Json list = Json::parse(run({"network", "ls", "--json"}).out, nullptr, false);
  EXPECT_EQ(list.size(), 3u) << list;
  Output output = run({"network", "inspect", "nosuch"});
  EXPECT_EQ(output.code, 1);
  EXPECT_THAT(output.err, HasSubstr("no such network \"nosuch\""));
  for (const char* verb : {"connect", "disconnect"}) {
    Output absent = run({"network", verb, "bridge", "nosuch"});
    EXPECT_EQ(absent.code, 1) << verb;
    EXPECT_THAT(absent.err, HasSubstr("no such container \"nosuch\""));
  }
}

TEST_F(ConnectTest, TeardownGivesTheHostBackWhileContainersLiveOn) {
  pid_t first = start_server("first", {"-p", "8080:80"});
  pid_t second = start("second", {});
  expect_done(run({"network", "teardown"}));
  EXPECT_EQ(network_difference(), "");
  expect_done(run({"network", "teardown"}));
  for (pid_t pid : {first, second}) EXPECT_EQ(inside(pid, "ip -o link | grep -v lo:"), "");
  EXPECT_TRUE(stage->inspect("first")["State"]["Running"].get<bool>());
  EXPECT_EQ(setting("first", "IPAddress"), "");
  expect_done(run({"network", "connect", "bridge", "first"}));
  EXPECT_TRUE(eventually([] { return fetch("http://" + setting("first", "IPAddress") + "/i") != ""; }));
  expect_done(run({"rm", "-f", "first", "second"}));
}

TEST_F(ConnectTest, ReloadBringsTheRulesBackAfterAFlush) {
  start_server("server", {"-p", "8080:80"});
  std::string ours = observe("nft -s list table inet rcrt");
  EXPECT_THAT(ours, HasSubstr("8080"));
  observe("nft flush ruleset");
  EXPECT_EQ(fetch("http://203.0.113.1:8080/i"), "");
  expect_done(run({"network", "reload"}));
  EXPECT_EQ(observe("nft -s list table inet rcrt"), ours);
  EXPECT_EQ(fetch("http://203.0.113.1:8080/i"), "hello\n");
  EXPECT_EQ(fetch_from(*outside, "http://203.0.113.1:8080/i"), "hello\n");
  expect_done(run({"rm", "-f", "server"}));
}

// Containers go on remembering the address that the bridge had.
TEST_F(ConnectTest, ReloadMakesADeletedBridgeAnew) {
  const pid_t pid = start("c", {});
  EXPECT_THAT(inside(pid, "ping -c1 -W5 203.0.113.9"), HasSubstr(" 0% packet loss"));
  observe("ip link del rcrt0");
  expect_done(run({"network", "reload"}));
  EXPECT_THAT(inside(pid, "ping -c1 -W2 203.0.113.9"), HasSubstr(" 0% packet loss"));
  expect_done(run({"rm", "-f", "c"}));
}

TEST_F(ConnectTest, PortsComeBackWithTheNetwork) {
  start_server("server", {"-p", "8080:80"});
  expect_done(run({"network", "disconnect", "bridge", "server"}));
  EXPECT_EQ(fetch("http://203.0.113.1:8080/i"), "");
  expect_done(run({"network", "connect", "bridge", "server"}));
  EXPECT_EQ(run({"port", "server"}).out, "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n");
  EXPECT_TRUE(eventually([] { return fetch("http://203.0.113.1:8080/i") == "hello\n"; }));
  expect_done(run({"rm", "-f", "server"}));
}

// A flush and no reload: who comes next is connected all the same, and nothing is left.
TEST_F(ConnectTest, ANewContainerAfterAFlushMendsTheTable) {
  start_server("first", {"-p", "8080:80"});
  observe("nft flush ruleset");
  start_server("second", {"-p", "8081:80"});
  EXPECT_EQ(fetch("http://203.0.113.1:8080/i"), "hello\n");
  EXPECT_EQ(fetch("http://203.0.113.1:8081/i"), "hello\n");
  observe("nft flush ruleset");
  expect_done(run({"rm", "-f", "first", "second"}));
}

TEST_F(ConnectTest, BackupsCanBePutBack) {
  EXPECT_EQ(observe(kTheirs), "");
  std::string theirs = observe("nft list ruleset");
  EXPECT_EQ(sh({"--net=bridge"}, "true").code, 0);
  EXPECT_TRUE(eventually([&] { return observe("nft list ruleset") == theirs; }));
  Json list = Json::parse(run({"network", "backups", "--json"}).out, nullptr, false);
  ASSERT_TRUE(list.is_array() && !list.empty()) << list;
  std::string id = list.back().value("id", "");
  EXPECT_THAT(run({"network", "backups"}).out, HasSubstr(id));
  EXPECT_EQ(observe("nft delete table inet theirs; nft add table ip later"), "");

  Output asked = run({"network", "restore", id});
  EXPECT_NE(asked.code, 0);
  EXPECT_THAT(asked.err, HasSubstr("handles"));
  EXPECT_THAT(asked.err, HasSubstr("table ip later"));
  EXPECT_EQ(observe("nft list tables"), "table ip later\n") << "nothing was confirmed";
  Output done = run({"network", "restore", "--yes", id});
  EXPECT_EQ(done.code, 0) << done;
  EXPECT_EQ(observe("nft list ruleset"), theirs);
  expect_refused(run({"network", "restore", "nosuch"}), "nosuch");
  expect_refused(run({"network", "restore", "../../../etc/passwd"}), "passwd");
  observe("nft flush ruleset");
}

}  // namespace
}  // namespace rcrt::test
