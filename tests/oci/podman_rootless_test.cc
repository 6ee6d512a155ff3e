// SPDX-License-Identifier: MIT
// podman of a user who is not root: it makes a user namespace, and calls rcrt-oci as root of that.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "tests/oci/user_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;

class PodmanRootless : public UserTest {
 protected:
  static void SetUpTestSuite() {
    UserTest::SetUpTestSuite();
    if (!stage || !installed()) return;
    const std::string folder = home() + "/.config/containers";
    std::filesystem::create_directories(folder);
    stage->file("home/.config/containers/storage.conf", "[storage]\ndriver = \"vfs\"\n");
    stage->file("home/.config/containers/containers.conf",
                "[engine]\nruntime = \"" + stage->dir() +
                    "/p/bin/rcrt-oci\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n"
                    "[containers]\npids_limit = 0\nnetns = \"none\"\n");
    EXPECT_EQ(shell("chown -R 4321:4321 " + home() + "/.config").code, 0);
    Output made = words("tar -C " + home() + "/rootfs -c . | podman import - bb");
    EXPECT_EQ(made.code, 0) << made;
  }
  void SetUp() override {
    UserTest::SetUp();
    if (!installed()) GTEST_SKIP() << "podman is not installed";
  }
  static bool installed() { return access("/usr/bin/podman", X_OK) == 0; }
  static Output words(const std::string& script) {
    return Process(as_user({"/bin/sh", "-c", "cd; " + script}), environment()).finish();
  }
  static Output podman(const std::string& script) { return words("podman " + script); }
};

TEST_F(PodmanRootless, Run) {
  Output output = podman("run --rm bb sh -c 'id -u; cat /proc/self/uid_map; exit 5'");
  EXPECT_EQ(output.code, 5) << output;
  EXPECT_EQ(output.out, "0\n         0       4321          1\n         1     300000      65536\n");
  EXPECT_EQ(podman("run --rm bb nosuch").code, 127);
  EXPECT_EQ(
      podman("run --rm --user 7 --read-only --tmpfs /tmp bb sh -c 'id -u; touch /tmp/x /y || true'").out,
      "7\n");
  EXPECT_EQ(podman("run --rm --userns keep-id bb id -u").out, "4321\n");
  EXPECT_EQ(podman("run --rm --net host bb sh -c 'test -d /sys/class && id -u'").out, "0\n");
  EXPECT_THAT(words("script -qec 'podman run --rm -t bb tty' /dev/null").out, HasSubstr("/dev/pts/"));
}

TEST_F(PodmanRootless, ALife) {
  Output started = Process(as_user({"/bin/sh", "-c",
                                    "cd; exec podman run -d --name a bb sleep 1000 </dev/null >/dev/null "
                                    "2>&1"}),
                           environment())
                       .finish();
  ASSERT_EQ(started.code, 0) << started;
  EXPECT_EQ(podman("exec a sh -c 'exit 9'").code, 9);
  EXPECT_EQ(podman("exec --user 5:6 a sh -c 'id -u; id -g'").out, "5\n6\n");
  EXPECT_THAT(podman("top a").out, HasSubstr("sleep 1000"));
  EXPECT_EQ(podman("kill a").code, 0);
  EXPECT_EQ(podman("wait a").out, "137\n");
  EXPECT_EQ(podman("rm -f a").code, 0);
}

}  // namespace
}  // namespace rcrt::test
