// SPDX-License-Identifier: MIT
// Somebody else's firewall, to the byte, before the first container and after the last.
// Every test ends with the fixture's comparison of `nft -a list ruleset` and iptables-save.
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/e2e_net/net_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;

class FirewallTest : public NetTest {
 protected:
  static void SetUpTestSuite() { set_up(load_foreign_firewall); }

  // The listing without our tables: what others see of theirs.
  static std::string others() {
    std::string text = observe("nft -a list ruleset | sed -E 's/ expires [0-9a-z]+//g'");
    for (const char* ours : {"table inet rcrt {", "table bridge rcrt {"})
      if (size_t begin = text.find(ours); begin != std::string::npos)
        text.erase(begin, text.find("\n}\n", begin) + 3 - begin);
    return text;
  }
  static bool ours_is_there() {
    std::string tables = observe("nft list tables");
    bool inet = tables.find("table inet rcrt\n") != std::string::npos;
    EXPECT_EQ(tables.find("table bridge rcrt\n") != std::string::npos, inet);
    return inet;
  }
};

TEST_F(FirewallTest, TheRulesetOfOthersIsRich) {
  for (const char* part :
       {"timeout 1h", "quota daily", "counter packets 7", "auto-merge", "comment \"blocked\"", "dynamic"})
    EXPECT_THAT(others(), HasSubstr(part));
  EXPECT_THAT(observe("iptables-save"), HasSubstr("--every 3"));
}

TEST_F(FirewallTest, ARunLeavesItAsItWas) {
  std::string theirs = others();
  start_server("server", {"-p", "8080:80", "-p", "127.0.0.1:8081:81", "-p", "9090:90/udp"});
  EXPECT_TRUE(ours_is_there());
  EXPECT_EQ(others(), theirs);
  EXPECT_EQ(fetch_from(*outside, "http://203.0.113.1:8080/i"), "hello\n");
  EXPECT_EQ(run({"rm", "-f", "server"}).code, 0);
  EXPECT_TRUE(eventually([] { return !ours_is_there(); }));
  EXPECT_EQ(others(), theirs);
}

TEST_F(FirewallTest, TeardownLeavesItAsItWasAtOnce) {
  std::string theirs = others();
  start("first", {"-p", "8080:80"});
  EXPECT_EQ(run({"network", "teardown"}).code, 0);
  EXPECT_FALSE(ours_is_there());
  EXPECT_EQ(others(), theirs);
  EXPECT_EQ(network_difference(), "");
  EXPECT_EQ(run({"rm", "-f", "first"}).code, 0);
}

TEST_F(FirewallTest, EditsOfOthersStay) {
  start("first", {"-p", "8080:80"});
  EXPECT_EQ(observe("nft add element inet mine blocked { 198.51.100.9 timeout 2h };"
                    "nft delete element inet mine verdicts { 23 : drop };"
                    "nft add table ip later; nft add chain ip later c;"
                    "iptables-nft -A INPUT -s 192.0.2.99 -m comment --comment later -j DROP"),
            "");
  std::string theirs = others(), saved = observe("iptables-save | grep -v '^#'");
  EXPECT_THAT(theirs, HasSubstr("198.51.100.9"));
  EXPECT_EQ(run({"rm", "-f", "first"}).code, 0);
  EXPECT_TRUE(eventually([] { return !ours_is_there(); }));
  EXPECT_EQ(others(), theirs);
  EXPECT_EQ(observe("iptables-save | grep -v '^#'"), saved);
  // The same with teardown.
  start("second", {});
  EXPECT_EQ(observe("nft delete element inet mine blocked { 198.51.100.9 }; nft add element inet mine "
                    "verdicts { 23 : drop };"
                    "nft delete table ip later;"
                    "iptables-nft -D INPUT -s 192.0.2.99 -m comment --comment later -j DROP"),
            "");
  EXPECT_EQ(run({"network", "teardown"}).code, 0);
  EXPECT_EQ(network_difference(), "");
  EXPECT_EQ(run({"rm", "-f", "second"}).code, 0);
}

// The client dies, the container does not; its end is recorded and cleaned up as ever.
TEST_F(FirewallTest, AKilledClientLeavesNothing) {
  auto client = stage->start({"--net=bridge", "run", "--name", "c", "-i", "-p", "8080:80", "busybox", "sh",
                              "-c", "echo up; sleep 1000"});
  ASSERT_TRUE(client->wait_for("up\n"));
  client->signal(SIGKILL);
  EXPECT_EQ(client->finish().code, 128 + SIGKILL);
  EXPECT_TRUE(stage->inspect("c")["State"]["Running"].get<bool>());
  EXPECT_EQ(run({"kill", "-s", "TERM", "c"}).code, 0);
  EXPECT_EQ(run({"kill", "c"}).code, 0);
  EXPECT_EQ(run({"wait", "c"}).out, "137\n");
  EXPECT_TRUE(eventually([] { return !ours_is_there() && network_difference().empty(); }))
      << "by the monitor, nobody else is there: " << network_difference();
  EXPECT_EQ(run({"rm", "c"}).code, 0);
}

pid_t monitor_of(pid_t container) {
  return atoi(observe("awk '/^PPid:/ { print $2 }' /proc/" + std::to_string(container) + "/status").c_str());
}

TEST_F(FirewallTest, AKilledMonitorIsRecoveredFrom) {
  pid_t container = start("c", {"-p", "8080:80"});
  pid_t monitor = monitor_of(container);
  ASSERT_THAT(observe("cat /proc/" + std::to_string(monitor) + "/comm"), HasSubstr("rcrt-monitor"));
  kill(monitor, SIGKILL);
  kill(container, SIGKILL);
  EXPECT_TRUE(eventually([&] { return kill(container, 0) != 0; }));
  Output output = run({"system", "recover"});
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_EQ(output.err, "");
  EXPECT_FALSE(ours_is_there());
  EXPECT_EQ(network_difference(), "");
  EXPECT_EQ(run({"rm", "-f", "c"}).code, 0);
}

TEST_F(FirewallTest, AnOrphanIsRemovedByForce) {
  pid_t container = start("c", {"--rm", "-p", "8080:80"});
  kill(monitor_of(container), SIGKILL);
  EXPECT_EQ(run({"rm", "-f", "c"}).code, 0);
  EXPECT_TRUE(eventually([&] { return kill(container, 0) != 0 && !ours_is_there(); })) << difference();
}

// Killed at moments nobody chose: whatever was half made is rolled back.
TEST_F(FirewallTest, AClientKilledWhileItStartsLeavesNothing) {
  for (int delay = 0; delay < 40'000; delay += 2'000) {
    auto client =
        stage->start({"--net=bridge", "run", "--rm", "-d", "-p", "8080:80", "busybox", "sleep", "1000"});
    usleep(static_cast<useconds_t>(delay));
    client->signal(SIGKILL);
    client->finish();
    Output output = run({"system", "recover"});
    EXPECT_EQ(output.code, 0) << delay << output;
    Output removed = run({"rm", "-f", "--all"});
    EXPECT_EQ(removed.code, 0) << delay << removed;
    std::string left;
    EXPECT_TRUE(eventually([&] { return (left = stage->leftovers() + difference()).empty(); }))
        << delay << ": " << left;
  }
}

}  // namespace
}  // namespace rcrt::test
