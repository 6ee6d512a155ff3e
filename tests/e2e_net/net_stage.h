// SPDX-License-Identifier: MIT
// rcrt as installed, on a host of the test's own with an uplink (mtu 1400) to an outside:
//
//   containers -- rcrt0 -- host 203.0.113.1, 2001:db8::1 -- outside 203.0.113.9, 2001:db8::9
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/stage.h"
#include "tests/support/namespaces.h"

namespace rcrt::test {

// Loads somebody else's firewall, as rich as the kernel here allows.
void load_foreign_firewall();

// What `busybox wget` prints of a page within a few seconds, "" when it cannot be had.
std::string fetch(const std::string& url);
std::string fetch_from(const NetworkNamespace& where, const std::string& url);

class NetTest : public StageTest {
 protected:
  static void SetUpTestSuite() {
    set_up([] {});
  }
  // `prepare` changes the host before its state is remembered.
  static void set_up(const std::function<void()>& prepare);
  static void TearDownTestSuite();
  // The host is as it was, at the latest some time after the last container.
  void TearDown() override;

  static std::string difference() { return before->diff(HostState::take()); }
  // The same while containers run: without their cgroups.
  static std::string network_difference();
  // `rcrt --net=bridge run -d --name NAME OPTIONS busybox COMMAND`; its process in our eyes.
  static pid_t start(const std::string& name, const std::vector<std::string>& options,
                     const std::vector<std::string>& command = {"sleep", "1000"});
  // A web server on port 80 that answers "hello" and logs its clients' addresses.
  static pid_t start_server(const std::string& name, const std::vector<std::string>& options);
  static std::string logs(const std::string& name) { return run({"logs", name}).out; }
  // A member of NetworkSettings: "IPAddress", "GlobalIPv6Address", "Gateway" ...
  static std::string setting(const std::string& name, const std::string& member);
  // The process of a running container.
  static pid_t process(const std::string& name) { return stage->inspect(name)["State"].value("Pid", -1); }
  // A command of the host in the network namespace of a process.
  static std::string inside(pid_t pid, const std::string& command);
  // Runs `body` in a process of its own in that namespace; to be ended with end_process.
  static pid_t spawn_inside(pid_t pid, const std::function<void()>& body);

  static inline std::unique_ptr<NetworkNamespace> outside;
  static inline std::unique_ptr<HostState> before;
};

}  // namespace rcrt::test
