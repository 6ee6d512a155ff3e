// SPDX-License-Identifier: MIT
// podman with --runtime rcrt-oci: a real engine, conmon and all.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

class Podman : public OciTest {
 protected:
  static void SetUpTestSuite() {
    OciTest::SetUpTestSuite();
    if (!stage || access("/usr/bin/podman", X_OK) != 0) return;
    std::string folder = stage->dir() + "/podman";
    std::filesystem::create_directory(folder);
    std::ofstream(folder + "/storage.conf") << "[storage]\ndriver = \"vfs\"\nrunroot = \"" << folder
                                            << "/run\"\ngraphroot = \"" << folder << "/graph\"\n";
    std::ofstream(folder + "/containers.conf")
        << "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\ntmp_dir = \"" << folder
        << "/tmp\"\n[containers]\npids_limit = 0\ndefault_ulimits = [\"nofile=1024:1024\", "
           "\"nproc=10000:10000\"]\n"
        << "netns = \"none\"\n";
    Output imported = shell("tar -C " + rootfs() + " -c . | podman import - bb");
    ASSERT_EQ(imported.code, 0) << imported;
  }
  static void TearDownTestSuite() {
    if (stage && access("/usr/bin/podman", X_OK) == 0) shell("podman rm -f -a -t 0; podman rmi -f -a");
    OciTest::TearDownTestSuite();
  }
  void SetUp() override {
    OciTest::SetUp();
    if (access("/usr/bin/podman", X_OK) != 0) GTEST_SKIP() << "podman is not installed";
  }
  static Output shell(const std::string& script) {
    std::string folder = stage->dir() + "/podman";
    Process process({"/bin/sh", "-c", script},
                    {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + folder, "RCRT_ROOT=" + stage->root(),
                     "CONTAINERS_STORAGE_CONF=" + folder + "/storage.conf",
                     "CONTAINERS_CONF=" + folder + "/containers.conf"});
    return process.finish();
  }
  static Output podman(const std::string& words) {
    return shell("podman --runtime " + stage->dir() + "/p/bin/rcrt-oci " + words);
  }
};

TEST_F(Podman, RunAndItsExitCodes) {
  Output output = podman("run --rm bb sh -c 'echo hello; exit 5'");
  EXPECT_EQ(output.code, 5) << output;
  EXPECT_EQ(output.out, "hello\n");
  EXPECT_EQ(podman("run --rm bb nosuch").code, 127);
  EXPECT_EQ(podman("run --rm bb /etc").code, 126);
  EXPECT_EQ(podman("run --rm bb sh -c 'kill -TERM $$'").code, 0) << "process 1 is safe from itself";
}

TEST_F(Podman, ALife) {
  ASSERT_EQ(podman("run -d --name a bb sleep 1000").code, 0);
  EXPECT_EQ(podman("exec a sh -c 'exit 9'").code, 9);
  EXPECT_EQ(podman("exec a nosuch").code, 127);
  EXPECT_EQ(podman("exec --user 5:6 -w /tmp -e A=b a sh -c 'id -u; id -g; pwd; echo $A'").out,
            "5\n6\n/tmp\nb\n");
  EXPECT_EQ(podman("pause a").code, 0);
  EXPECT_EQ(podman("inspect -f '{{.State.Status}}' a").out, "paused\n");
  EXPECT_EQ(podman("unpause a").code, 0);
  EXPECT_NE(podman("top a").out.find("sleep 1000"), std::string::npos);
  EXPECT_EQ(podman("stop -t 0 a").code, 0);
  EXPECT_EQ(podman("start a").code, 0);
  EXPECT_EQ(podman("kill a").code, 0);
  EXPECT_EQ(podman("wait a").out, "137\n");
  EXPECT_EQ(podman("rm -f a").code, 0);
}

TEST_F(Podman, Options) {
  EXPECT_EQ(podman("run --rm --read-only bb sh -c 'touch /x || echo refused'").out, "refused\n");
  std::string file = stage->file("given", "text\n");
  EXPECT_EQ(podman("run --rm -v " + file + ":/given:ro bb cat /given").out, "text\n");
  EXPECT_EQ(podman("run --rm --hostname there bb hostname").out, "there\n");
  EXPECT_EQ(podman("run --rm --user 7 bb id -u").out, "7\n");
  EXPECT_EQ(podman("run --rm --cap-drop all bb sh -c 'grep CapEff /proc/self/status'").out,
            "CapEff:\t0000000000000000\n");
  EXPECT_EQ(podman("run --rm bb sh -c 'grep Seccomp: /proc/self/status'").out, "Seccomp:\t2\n");
  EXPECT_EQ(
      podman("run --rm --security-opt seccomp=unconfined bb sh -c 'grep Seccomp: /proc/self/status'").out,
      "Seccomp:\t0\n");
  EXPECT_EQ(podman("run --rm --privileged bb sh -c 'test -e /dev/kmsg && echo all'").out, "all\n");
  Output terminal = shell("script -qec \"podman --runtime " + stage->dir() +
                          "/p/bin/rcrt-oci run --rm -t bb tty\" /dev/null");
  EXPECT_NE(terminal.out.find("/dev/pts/"), terminal.out.npos) << terminal;
}

}  // namespace
}  // namespace rcrt::test
