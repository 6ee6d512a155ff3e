// SPDX-License-Identifier: MIT
// Two hundred containers at once.
#include <gmock/gmock.h>

#include <deque>
#include <set>

#include "tests/e2e_net/net_stage.h"

namespace rcrt::test {
namespace {

constexpr size_t kCount = 200, kAtOnce = 16;

class ManyTest : public NetTest {};

// Programs of rcrt that run, without those that other tests' machines have.
std::string our_processes() { return observe("ps -eo comm= | grep rcrt"); }

TEST_F(ManyTest, TwoHundredInParallelAllDifferAndAllGo) {
  std::deque<std::unique_ptr<Process>> clients;
  auto reap = [&] {
    Output output = clients.front()->finish();
    EXPECT_EQ(output.code, 0) << output;
    EXPECT_EQ(output.err, "");
    clients.pop_front();
  };
  for (size_t i = 0; i < kCount; ++i) {
    if (clients.size() == kAtOnce) reap();
    std::vector<std::string> words = {"--net=bridge", "run", "-d", "--name", "n" + std::to_string(i)};
    if (i % 4 == 0) words.insert(words.end(), {"-p", "80"});
    words.insert(words.end(), {"busybox", "sleep", "10000"});
    clients.push_back(stage->start(words));
  }
  while (!clients.empty()) reap();

  Output listed = run({"ps", "-q"});
  EXPECT_EQ(std::count(listed.out.begin(), listed.out.end(), '\n'), static_cast<long>(kCount));
  Json network = Json::parse(run({"network", "inspect", "bridge"}).out, nullptr, false);
  ASSERT_TRUE(network.is_array() && network.size() == 1);
  std::set<std::string> addresses, macs, ports;
  for (const auto& [id, container] : network[0]["Containers"].items()) {
    for (const auto& address : container["Result"]["addresses"])
      addresses.insert(address.value("address", ""));
    for (const auto& interface : container["Result"]["interfaces"]) macs.insert(interface.value("mac", ""));
    for (const auto& port : container["Result"]["ports"]) ports.insert(port["host_port"].dump());
  }
  EXPECT_EQ(addresses.size(), 2 * kCount);
  EXPECT_EQ(macs.size(), kCount);
  EXPECT_EQ(ports.size(), kCount / 4);
  // The last of them is connected as well as the first.
  EXPECT_EQ(sh({"--net=bridge"}, "ping -c1 -W5 " + setting("n0", "IPAddress") + " && ping -c1 -W5 " +
                                     setting("n" + std::to_string(kCount - 1), "IPAddress"))
                .code,
            0);

  Output removed = run({"rm", "-f", "--all"});
  EXPECT_EQ(removed.code, 0) << removed;
  EXPECT_EQ(removed.err, "");
  EXPECT_EQ(run({"ps", "-aq"}).out, "");
  std::string left;
  EXPECT_TRUE(eventually([&] { return (left = our_processes()).empty(); })) << left;
  // Links, leases, rules, cgroups, mounts and folders: the fixture compares.
}

}  // namespace
}  // namespace rcrt::test
