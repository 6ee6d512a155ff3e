// SPDX-License-Identifier: MIT
// /etc/hosts, /etc/resolv.conf, /etc/hostname, and addresses the user asks for.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include "tests/e2e_net/net_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class FilesTest : public NetTest {
 protected:
  // The host's own resolv.conf is whatever it is: these tests see one of theirs.
  void SetUp() override {
    NetTest::SetUp();
    if (IsSkipped()) return;
    std::string file = stage->file("resolv.conf",
                                   "# by hand\nnameserver 127.0.0.53\nnameserver 192.0.2.53\n"
                                   "nameserver ::1\nsearch example.org\noptions edns0\n");
    if (mount(file.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) != 0)
      GTEST_SKIP() << "this machine has no /etc/resolv.conf to cover";
  }
  void TearDown() override {
    umount2("/etc/resolv.conf", MNT_DETACH);
    NetTest::TearDown();
  }
};

TEST_F(FilesTest, NamesTheContainer) {
  start("web", {});
  std::string id = stage->inspect("web").value("Id", "");
  std::string ip = setting("web", "IPAddress"), ip6 = setting("web", "GlobalIPv6Address");
  EXPECT_EQ(run({"rm", "-f", "web"}).code, 0);
  Output output = sh({"--net=bridge", "--name", "web", "--hostname", "host1"},
                     "hostname; cat /etc/hostname /etc/hosts; ip -4 addr show eth0");
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_THAT(output.out, testing::StartsWith("host1\nhost1\n127.0.0.1\tlocalhost\n::1\tlocalhost"));
  EXPECT_THAT(output.out, HasSubstr("\thost1 web\n"));
  output = sh({"--net=bridge"}, "echo $(cat /etc/hostname) $(hostname); ip -4 addr; cat /etc/hosts");
  EXPECT_THAT(output.out, MatchesRegex("[0-9a-f]{12} [0-9a-f]{12}\n(.|\n)*"));
  std::string name = output.out.substr(0, 12);
  EXPECT_EQ(output.out.substr(13, 12), name);
  EXPECT_THAT(output.out, HasSubstr("\t" + name));
}

TEST_F(FilesTest, TakesTheHostsNameServersThatItCanReach) {
  Output output = sh({"--net=bridge"}, "cat /etc/resolv.conf");
  EXPECT_EQ(output.out, "nameserver 192.0.2.53\nsearch example.org\noptions edns0\n") << output;
  EXPECT_EQ(sh({"--net=none"}, "cat /etc/resolv.conf").out, "") << "nobody can be asked";
}

TEST_F(FilesTest, OnTheHostsNetworkTheHostsFilesHold) {
  Output output =
      sh({"--net=host", "--add-host", "db:192.0.2.7"}, "cat /etc/resolv.conf /etc/hosts; hostname");
  EXPECT_EQ(
      output.out,
      "nameserver 127.0.0.53\nnameserver 192.0.2.53\nnameserver ::1\nsearch example.org\noptions edns0\n" +
          observe("cat /etc/hosts; echo '192.0.2.7\tdb'; hostname"))
      << output;
  EXPECT_EQ(sh({"--net=host", "--hostname", "own"}, "hostname").out, "own\n");
}

TEST_F(FilesTest, DnsFlagsReplaceTheHosts) {
  EXPECT_EQ(sh({"--net=bridge", "--dns", "192.0.2.1", "--dns", "2001:db8::35"}, "cat /etc/resolv.conf").out,
            "search example.org\noptions edns0\nnameserver 192.0.2.1\nnameserver 2001:db8::35\n");
  Output output =
      sh({"--net=bridge", "--dns-search", "a.test", "--dns-search", "b.test", "--dns-option", "ndots:2"},
         "cat /etc/resolv.conf");
  EXPECT_EQ(output.out, "nameserver 192.0.2.53\nsearch a.test b.test\noptions ndots:2\n") << output;
  EXPECT_EQ(run({"--net=bridge", "run", "--rm", "--dns", "nonsense", "busybox", "true"}).code, 125);
}

TEST_F(FilesTest, AddsHosts) {
  Output output = sh({"--net=bridge", "--add-host", "db:192.0.2.7", "--add-host", "six:2001:db8::7",
                      "--add-host", "gw:host-gateway"},
                     "cat /etc/hosts; ip route; ping -c1 -W5 gw");
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_THAT(output.out, HasSubstr("192.0.2.7\tdb\n"));
  EXPECT_THAT(output.out, HasSubstr("2001:db8::7\tsix\n"));
  EXPECT_THAT(output.out, Not(HasSubstr("host-gateway")));
  EXPECT_EQ(run({"--net=bridge", "run", "--rm", "--add-host", "noaddress", "busybox", "true"}).code, 125);
}

TEST_F(FilesTest, GivesTheAddressesAskedFor) {
  start("first", {});
  std::string ip6 = setting("first", "GlobalIPv6Address");
  std::string wanted = ip6.substr(0, ip6.rfind(':') + 1) + "77";
  start("second", {"--ip", "10.89.0.77", "--ip6", wanted, "--mac-address", "02:00:00:aa:bb:cc"});
  EXPECT_EQ(setting("second", "IPAddress"), "10.89.0.77");
  EXPECT_EQ(setting("second", "GlobalIPv6Address"), wanted);
  EXPECT_EQ(setting("second", "MacAddress"), "02:00:00:aa:bb:cc");
  std::string seen = inside(process("second"), "ip addr show eth0");
  EXPECT_THAT(seen, HasSubstr("inet 10.89.0.77/"));
  EXPECT_THAT(seen, HasSubstr("inet6 " + wanted + "/"));
  EXPECT_THAT(seen, HasSubstr("02:00:00:aa:bb:cc"));
  std::string two = stage->leftovers();
  for (const char* taken : {"10.89.0.77", "10.89.0.1", "192.0.2.1", "nonsense"}) {
    Output output = run({"--net=bridge", "run", "--rm", "--ip", taken, "busybox", "true"});
    EXPECT_EQ(output.code, 125) << taken << output;
    EXPECT_THAT(output.err, HasSubstr(taken));
    EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
  }
  for (const char* mac : {"nonsense", "01:00:00:00:00:01", "02:00:00:aa:bb"})
    EXPECT_EQ(run({"--net=bridge", "run", "--rm", "--mac-address", mac, "busybox", "true"}).code, 125) << mac;
  EXPECT_TRUE(eventually([&] { return stage->leftovers() == two; })) << stage->leftovers();
  EXPECT_EQ(run({"rm", "-f", "first", "second"}).code, 0);
}

}  // namespace
}  // namespace rcrt::test
