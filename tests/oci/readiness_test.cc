// SPDX-License-Identifier: MIT
// NOTIFY_SOCKET: a service manager hears when the container is ready.
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/unique_fd.h"
#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;

// What systemd is: a socket to which messages are sent. "@name" is an abstract one.
class Manager {
 public:
  explicit Manager(const std::string& path) : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {AF_UNIX, {}};
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (path[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  }
  // The next message; descriptors that come with it are closed.
  std::string hear() const {
    pollfd ready = {socket_.get(), POLLIN, 0};
    if (poll(&ready, 1, 20'000) != 1) return "nothing";
    char text[4096];
    const ssize_t got = recv(socket_.get(), text, sizeof text, 0);
    return {text, static_cast<size_t>(std::max<ssize_t>(got, 0))};
  }
  bool heard_all() const {
    char byte;
    return recv(socket_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
  }

 private:
  UniqueFd socket_;
};

class ReadinessTest : public OciTest {
 protected:
  static void SetUpTestSuite() {
    OciTest::SetUpTestSuite();
    if (!stage) return;
    std::filesystem::copy("tests/oci/inside", rootfs() + "/inside");
    std::filesystem::create_directory(shown());
  }
  void TearDown() override {
    OciTest::TearDown();
    if (!stage) return;
    std::filesystem::remove(path());
    std::filesystem::remove(shown() + "/go");
  }
  static std::string path() { return stage->dir() + "/manager"; }
  static std::string shown() { return stage->dir() + "/shown"; }
  // Ready when the test says so, and running until it is killed; not as root.
  static Json service() {
    Json spec = config(
        "/inside notify STATUS=starting; until [ -e /shown/go ]; do sleep 0.05; done; "
        "/inside notify \"$(printf 'STATUS=up\\nREADY=1')\"; exec sleep 1000");
    spec["process"]["user"] = {{"uid", 7}, {"gid", 7}};
    spec["mounts"].push_back(
        {{"destination", "/shown"}, {"type", "bind"}, {"source", shown()}, {"options", {"bind"}}});
    return spec;
  }
  static void say_go() { std::ofstream(shown() + "/go"); }
  static std::vector<std::string> environment(const std::string& socket = path()) {
    return {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "RCRT_ROOT=" + stage->root(), "NOTIFY_SOCKET=" + socket};
  }
  static std::string ready_with(pid_t main) { return "MAINPID=" + std::to_string(main) + "\nREADY=1"; }
};

TEST_F(ReadinessTest, StartEndsWhenTheContainerIsReady) {
  const Manager manager(path());
  setenv("NOTIFY_SOCKET", path().c_str(), 1);
  EXPECT_EQ(create("c1", service()).code, 0) << container_err();
  unsetenv("NOTIFY_SOCKET");
  Process start(command({"start", "c1"}), environment());
  EXPECT_TRUE(eventually([] { return status("c1") == "running"; }));
  EXPECT_TRUE(manager.heard_all());
  EXPECT_EQ(kill(start.pid(), 0), 0) << "it waits";
  say_go();
  EXPECT_EQ(manager.hear(), ready_with(pid("c1")));
  EXPECT_EQ(manager.hear(), "BARRIER=1");
  EXPECT_EQ(start.finish().code, 0);
  EXPECT_TRUE(manager.heard_all()) << "what else the container says is for us";
  EXPECT_EQ(status("c1"), "running");
}

TEST_F(ReadinessTest, RunInTheForegroundRemainsTheServicesProcess) {
  const Manager manager("@rcrt-manager");
  Process run(command({"run", "--bundle", bundle(service()), "c1"}), environment("@rcrt-manager"));
  say_go();
  EXPECT_EQ(manager.hear(), "READY=1");
  EXPECT_EQ(manager.hear(), "BARRIER=1");
  EXPECT_EQ(oci({"kill", "c1", "KILL"}).code, 0);
  EXPECT_EQ(run.finish().code, 137);
}

TEST_F(ReadinessTest, RunDetachedEndsWhenTheContainerIsReady) {
  for (const bool hooks : {false, true}) {
    const Manager manager(path());
    Json spec = service();
    if (hooks) spec["hooks"]["poststart"] = {{{"path", "/bin/true"}}};
    say_go();
    setenv("NOTIFY_SOCKET", path().c_str(), 1);
    std::string heard;
    std::thread reads([&] {
      heard = manager.hear();
      EXPECT_EQ(manager.hear(), "BARRIER=1");
    });
    Output output = oci_apart({"run", "--detach", "--bundle", bundle(spec), "c1"});
    reads.join();
    unsetenv("NOTIFY_SOCKET");
    EXPECT_EQ(output.code, 0) << output;
    EXPECT_EQ(heard, ready_with(pid("c1")));
    EXPECT_EQ(oci({"delete", "--force", "c1"}).code, 0);
    std::filesystem::remove(path());
  }
}

TEST_F(ReadinessTest, OneThatEndsBeforeIsNotWaitedFor) {
  const Manager manager(path());
  Process run(command({"run", "--bundle", bundle_of("echo $NOTIFY_SOCKET; exit 3"), "c1"}), environment());
  Output output = run.finish();
  EXPECT_EQ(output.code, 3) << output;
  EXPECT_EQ(output.out, "/run/notify/notify.sock\n");
  EXPECT_TRUE(manager.heard_all());
}

TEST_F(ReadinessTest, WithoutAManagerThereIsNothingOfIt) {
  EXPECT_EQ(run_script("env | grep NOTIFY; grep notify /proc/self/mountinfo").out, "");
  for (const char* wrong : {"relative", "/no/such/socket"}) {
    Process run(command({"run", "--bundle", bundle_of("echo ran"), "c1"}), environment(wrong));
    Output output = run.finish();
    EXPECT_EQ(output.code, 1) << wrong;
    EXPECT_EQ(output.out, "") << wrong;
    EXPECT_THAT(output.err, HasSubstr("NOTIFY_SOCKET"));
    EXPECT_THAT(output.err, HasSubstr(wrong));
    EXPECT_EQ(leftovers(), "");
  }
}

}  // namespace
}  // namespace rcrt::test
