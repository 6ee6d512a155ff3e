// SPDX-License-Identifier: MIT
// Containers on the bridge: the gateway, each other, published ports, the outside.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e_net/net_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class MainJobTest : public NetTest {};

TEST_F(MainJobTest, PingsItsGateway) {
  Output output =
      run({"--net=bridge", "run", "--rm", "busybox", "sh", "-c",
           "ip addr; ping -c1 -W5 $(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p') &&"
           "ping -6 -c1 -W5 $(ip -6 route | sed -n 's/default via \\([^ ]*\\).*/\\1/p') && echo both"});
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_EQ(output.err, "");
  EXPECT_THAT(output.out, HasSubstr("eth0"));
  EXPECT_THAT(output.out, HasSubstr("mtu 1400"));
  EXPECT_THAT(output.out, HasSubstr("both\n"));
}

TEST_F(MainJobTest, ReachesTheOutside) {
  Output output = sh({"--net=bridge"}, "ping -c1 -W5 203.0.113.9 && ping -6 -c1 -W5 2001:db8::9");
  EXPECT_EQ(output.code, 0) << output;
}

// A new container's IPv6 speaks to groups, some five times: with 500 containers that would be
// 2,500 packets a start.
TEST_F(MainJobTest, AStartIsNotHeardByOtherContainers) {
  auto start = [](const char* name) {
    EXPECT_EQ(run({"--net=bridge", "run", "-d", "--name", name, "busybox", "sleep", "1000"}).code, 0);
  };
  start("quiet");
  const pid_t quiet = process("quiet");
  const char* kReceived = "sed -n 's/^ *eth0: *[0-9]* *\\([0-9]*\\) .*/\\1/p' /proc/net/dev";
  sleep(2);  // what comes of its own first second
  const std::string before = inside(quiet, kReceived);
  EXPECT_NE(before, "");
  start("new");
  sleep(3);
  EXPECT_EQ(inside(quiet, kReceived), before);
  for (auto [from, to] : {std::pair{"quiet", "new"}, {"new", "quiet"}}) {
    EXPECT_THAT(inside(process(from), "ping -6 -c1 -W5 " + setting(to, "GlobalIPv6Address")),
                HasSubstr("1 received"));
    EXPECT_THAT(inside(process(from), "ping -c1 -W5 " + setting(to, "IPAddress")), HasSubstr("1 received"));
  }
  EXPECT_EQ(run({"rm", "-f", "quiet", "new"}).code, 0);
}

TEST_F(MainJobTest, AServerIsReachedFromEverywhere) {
  start_server("server", {"-p", "8080:80"});
  std::string ip = setting("server", "IPAddress"), ip6 = setting("server", "GlobalIPv6Address");
  EXPECT_EQ(sh({"--net=bridge"}, "wget -qO- http://" + ip + "/i").out, "hello\n");
  EXPECT_EQ(sh({"--net=bridge"}, "wget -qO- http://[" + ip6 + "]/i").out, "hello\n");
  EXPECT_EQ(sh({"--net=bridge"}, "wget -qO- http://203.0.113.1:8080/i").out, "hello\n") << "through the host";
  EXPECT_EQ(fetch("http://127.0.0.1:8080/i"), "hello\n");
  EXPECT_EQ(fetch("http://[::1]:8080/i"), "hello\n");
  EXPECT_EQ(fetch("http://203.0.113.1:8080/i"), "hello\n");
  EXPECT_EQ(fetch("http://[2001:db8::1]:8080/i"), "hello\n");
  EXPECT_THAT(logs("server"), Not(HasSubstr("203.0.113.9]")));
  EXPECT_EQ(fetch_from(*outside, "http://203.0.113.1:8080/i"), "hello\n");
  // The server logs after it has answered.
  EXPECT_TRUE(eventually([] { return logs("server").find("203.0.113.9]") != std::string::npos; }))
      << "its own source address\n"
      << logs("server");
  EXPECT_TRUE(eventually([] { return fetch_from(*outside, "http://[2001:db8::1]:8080/i") == "hello\n"; }));
  EXPECT_TRUE(eventually([] { return logs("server").find("[2001:db8::9]") != std::string::npos; }))
      << logs("server");
  EXPECT_EQ(run({"rm", "-f", "server"}).code, 0);
  EXPECT_EQ(fetch("http://127.0.0.1:8080/i"), "") << "unpublished";
  EXPECT_EQ(fetch("http://[::1]:8080/i"), "");
}

// Answers each datagram with the address it came from.
void serve_datagrams() {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET, address.sin_port = htons(90);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
  for (char text[64];;) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (recvfrom(fd, text, sizeof text, 0, reinterpret_cast<sockaddr*>(&peer), &size) < 0) return;
    inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text);
    sendto(fd, text, strlen(text), 0, reinterpret_cast<sockaddr*>(&peer), size);
  }
}

// What the server above says, "" when it does not answer.
std::string ask_datagram(const char* host, uint16_t port) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  timeval limit{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET, address.sin_port = htons(port);
  inet_pton(AF_INET, host, &address.sin_addr);
  char text[64];
  ssize_t size = -1;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && send(fd, "?", 1, 0) == 1)
    size = recv(fd, text, sizeof text, 0);
  close(fd);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
}

TEST_F(MainJobTest, PublishesUdp) {
  pid_t container = start("server", {"-p", "9090:90/udp"});
  pid_t server = spawn_inside(container, serve_datagrams);
  EXPECT_TRUE(eventually([] { return ask_datagram("203.0.113.1", 9090) != ""; }));
  EXPECT_NE(ask_datagram("127.0.0.1", 9090), "");
  int answer[2];
  ASSERT_EQ(pipe(answer), 0);
  pid_t client = outside->spawn([&] {
    std::string text = ask_datagram("203.0.113.1", 9090);
    if (write(answer[1], text.data(), text.size()) < 0) _exit(1);
  });
  close(answer[1]);
  char text[64];
  ssize_t size = read(answer[0], text, sizeof text);
  close(answer[0]);
  waitpid(client, nullptr, 0);
  EXPECT_EQ(std::string(text, size > 0 ? static_cast<size_t>(size) : 0), "203.0.113.9")
      << "its own source address";
  end_process(server);
  EXPECT_EQ(run({"rm", "-f", "server"}).code, 0);
}

void expect_port_refused(const Output& output, const std::string& whose) {
  EXPECT_EQ(output.code, 125) << output;
  EXPECT_EQ(output.out, "");
  EXPECT_THAT(output.err, HasSubstr("8080"));
  EXPECT_THAT(output.err, HasSubstr(whose));
  EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
}

TEST_F(MainJobTest, APortInUseIsAnErrorThatSaysWhose) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET, address.sin_port = htons(8080);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  expect_port_refused(
      run({"--net=bridge", "run", "-d", "--name", "second", "-p", "8080:80", "busybox", "true"}),
      "process " + std::to_string(getpid()));
  close(fd);
  EXPECT_TRUE(eventually([] { return stage->leftovers().empty() && difference().empty(); }))
      << stage->leftovers() << difference();

  start("first", {"-p", "8080:80"});
  std::string alone = stage->leftovers();
  expect_port_refused(
      run({"--net=bridge", "run", "-d", "--name", "second", "-p", "8080:80", "busybox", "true"}),
      "container " + stage->inspect("first")["Id"].get<std::string>().substr(0, 12));
  EXPECT_TRUE(eventually([&] { return stage->leftovers() == alone; })) << stage->leftovers();
  EXPECT_EQ(run({"rm", "-f", "first"}).code, 0);
}

TEST_F(MainJobTest, PublishesOnIpv6Addresses) {
  start_server("server", {"-p", "[::1]:8080:80", "-p", "[2001:db8::1]:8081:80", "-p", "[::]:8082:80", "-p",
                          "[::1]::80"});
  for (const char* url : {"http://[::1]:8080/i", "http://[2001:db8::1]:8081/i", "http://[::1]:8082/i",
                          "http://[2001:db8::1]:8082/i"})
    EXPECT_EQ(fetch(url), "hello\n") << url;
  for (const char* url : {"http://127.0.0.1:8080/i", "http://[2001:db8::1]:8080/i", "http://[::1]:8081/i",
                          "http://127.0.0.1:8082/i", "http://203.0.113.1:8082/i"})
    EXPECT_EQ(fetch(url), "") << url;
  const Json bindings = stage->inspect("server")["NetworkSettings"]["Ports"]["80/tcp"];
  ASSERT_EQ(bindings.size(), 4u) << bindings;
  EXPECT_EQ(bindings[0], (Json{{"HostIp", "::1"}, {"HostPort", "8080"}}));
  const std::string chosen = bindings[3].value("HostPort", "");
  EXPECT_EQ(fetch("http://[::1]:" + chosen + "/i"), "hello\n");
  EXPECT_THAT(run({"ps"}).out,
              HasSubstr("[::1]:8080->80/tcp, [2001:db8::1]:8081->80/tcp, [::]:8082->80/tcp"));
  EXPECT_EQ(run({"port", "server", "80"}).out,
            "[::1]:8080\n[2001:db8::1]:8081\n[::]:8082\n[::1]:" + chosen + "\n");
  EXPECT_EQ(run({"rm", "-f", "server"}).code, 0);
}

// Where bridged packets pass through the host's IPv6 rules, as docker may have it.
TEST_F(MainJobTest, RefusesAPortThatNobodyCouldReach) {
  const char* kSwitch = "/proc/sys/net/bridge/bridge-nf-call-ip6tables";
  if (access(kSwitch, W_OK) != 0) GTEST_SKIP() << "no br_netfilter here";
  ASSERT_EQ(observe(std::string("echo 1 >") + kSwitch), "");
  Output output = run({"--net=bridge", "run", "--rm", "-p", "[::1]:8080:80", "busybox", "true"});
  EXPECT_EQ(output.code, 125) << output;
  EXPECT_THAT(output.err, HasSubstr("use 127.0.0.1"));
  EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
  EXPECT_TRUE(eventually([] { return difference().empty(); })) << difference();
  // Who calls [::1] is refused at once, and may try 127.0.0.1.
  start_server("server", {"-p", "8080:80"});
  EXPECT_THAT(observe("busybox wget -O- http://[::1]:8080/i 2>&1"), HasSubstr("Connection refused"));
  EXPECT_EQ(fetch("http://127.0.0.1:8080/i"), "hello\n");
  EXPECT_EQ(run({"rm", "-f", "server"}).code, 0);
  EXPECT_EQ(observe(std::string("echo 0 >") + kSwitch), "");
}

TEST_F(MainJobTest, ShowsThePortTheNetworkChose) {
  start_server("server", {"-p", "80"});
  Json bindings = stage->inspect("server")["NetworkSettings"]["Ports"]["80/tcp"];
  ASSERT_EQ(bindings.size(), 2u) << bindings;
  std::string port = bindings[0].value("HostPort", "");
  EXPECT_EQ(bindings[1], (Json{{"HostIp", "::"}, {"HostPort", port}}));
  EXPECT_GT(atoi(port.c_str()), 1023);
  EXPECT_EQ(fetch("http://127.0.0.1:" + port + "/i"), "hello\n");
  EXPECT_THAT(run({"ps"}).out, HasSubstr(":" + port + "->80/tcp"));
  EXPECT_EQ(run({"rm", "-f", "server"}).code, 0);
}

TEST_F(MainJobTest, PortSaysWhere) {
  start("server", {"-p", "8080:80", "-p", "127.0.0.1:9090:90/udp"});
  EXPECT_EQ(run({"port", "server"}).out,
            "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n90/udp -> 127.0.0.1:9090\n");
  EXPECT_EQ(run({"port", "server", "80"}).out, "0.0.0.0:8080\n[::]:8080\n");
  EXPECT_EQ(run({"port", "server", "90/udp"}).out, "127.0.0.1:9090\n");
  Output none = run({"port", "server", "90/tcp"});
  EXPECT_EQ(none.code, 125);
  EXPECT_THAT(none.err, HasSubstr("port is not published"));
  EXPECT_EQ(run({"stop", "-t", "0", "server"}).code, 0);
  EXPECT_THAT(run({"port", "server"}).err, HasSubstr("container is not running"));
  EXPECT_EQ(run({"rm", "server"}).code, 0);
}

TEST_F(MainJobTest, PublishesAllThatIsExposed) {
  ASSERT_EQ(run({"unpack", "busybox", stage->dir() + "/exposing"}).code, 0);
  ASSERT_EQ(run({"import", "--change", "EXPOSE 80 90/udp", stage->dir() + "/exposing", "exposing"}).code, 0);
  auto serve = [](const std::vector<std::string>& options) {
    std::vector<std::string> words = {"--net=bridge", "run", "-d", "--name", "server"};
    words.insert(words.end(), options.begin(), options.end());
    for (const char* word : {"exposing", "sh", "-c", "echo hello >/tmp/i; exec httpd -f -h /tmp"})
      words.emplace_back(word);
    Output output = run(words);
    EXPECT_EQ(output.code, 0) << output;
  };
  serve({"-P", "--expose", "81-82", "-p", "8082:82"});
  Json ports = stage->inspect("server")["NetworkSettings"]["Ports"];
  ASSERT_EQ(ports.size(), 4u) << ports;
  std::string port = ports["80/tcp"][0].value("HostPort", "");
  EXPECT_TRUE(eventually([&] { return fetch("http://127.0.0.1:" + port + "/i") == "hello\n"; })) << ports;
  EXPECT_EQ(ports["82/tcp"],
            (Json{{{"HostIp", "0.0.0.0"}, {"HostPort", "8082"}}, {{"HostIp", "::"}, {"HostPort", "8082"}}}));
  EXPECT_EQ(ports["90/udp"].size(), 2u);
  EXPECT_THAT(run({"ps"}).out, HasSubstr("0.0.0.0:" + port + "->80/tcp"));
  EXPECT_EQ(run({"rm", "-f", "server"}).code, 0);
  EXPECT_EQ(fetch("http://127.0.0.1:" + port + "/i"), "") << "unpublished";

  // Exposed only: shown, and not to be reached.
  serve({});
  Json shown = stage->inspect("server");
  EXPECT_EQ(shown["Config"]["ExposedPorts"], (Json{{"80/tcp", Json::object()}, {"90/udp", Json::object()}}));
  EXPECT_TRUE(shown["NetworkSettings"]["Ports"].value("80/tcp", Json(0)).is_null())
      << shown["NetworkSettings"];
  EXPECT_EQ(run({"ps", "--format", "{{.Ports}}"}).out, "80/tcp, 90/udp\n");
  EXPECT_EQ(run({"rm", "-f", "server"}).code, 0);
  EXPECT_EQ(run({"--net=bridge", "run", "--rm", "--expose", "1.2.3.4:80", "busybox", "true"}).code, 125);
  EXPECT_EQ(run({"rmi", "exposing"}).code, 0);
}

// What a package manager does: a name, a page from outside, and nothing to complain about.
TEST_F(MainJobTest, FetchesFromOutsideByName) {
  stage->file("index", "hello\n");
  Process server({"/usr/bin/nsenter", "-t", std::to_string(outside->pid()), "-n", "busybox", "httpd", "-f",
                  "-p", "203.0.113.9:80", "-h", stage->dir()},
                 {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"});
  EXPECT_TRUE(eventually([] { return fetch("http://203.0.113.9/index") == "hello\n"; }));
  Output output = box({"--net=bridge", "--add-host", "mirror.test:203.0.113.9"},
                      {"wget", "-qO-", "http://mirror.test/index"});
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_EQ(output.out, "hello\n");
  EXPECT_EQ(output.err, "");
}

}  // namespace
}  // namespace rcrt::test
