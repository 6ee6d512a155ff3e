// SPDX-License-Identifier: MIT
// containerd, whose runc shim is told to use rcrt-oci.
#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/oci/engine.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class Containerd : public EngineTest {
 protected:
  static void SetUpTestSuite() {
    EngineTest::SetUpTestSuite();
    if (!stage || !installed()) return;
    const std::string archive = folder() + "/busybox.tar";
    ASSERT_EQ(stage->run({"save", "busybox", "-o", archive}).code, 0);
    environment.push_back("CONTAINERD_ADDRESS=/run/containerd.sock");
    const std::string config = file("config.toml", "version = 2\nroot = \"" + folder() +
                                                       "/containerd\"\nstate = \"/run/state\"\n"
                                                       "disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"
                                                       "[grpc]\naddress = \"/run/containerd.sock\"\n");
    daemon_ = std::make_unique<Daemon>("containerd --config " + config, environment, folder() + "/log");
    ASSERT_TRUE(daemon_->wait_until([] { return shell("ctr version").code == 0; }));
    out("ctr images import " + archive);
  }
  static void TearDownTestSuite() {
    daemon_.reset();
    EngineTest::TearDownTestSuite();
  }
  void SetUp() override {
    EngineTest::SetUp();
    if (!installed()) GTEST_SKIP() << "containerd is not installed";
  }
  void TearDown() override {
    if (daemon_) {
      EXPECT_EQ(out("ctr containers ls -q"), "");
      EXPECT_EQ(shell("ls /run/containerd/runc/default").out, "");
      EXPECT_EQ(shell("find /sys/fs/cgroup/default -mindepth 1 -type d").out, "");
    }
    EngineTest::TearDown();
  }

  static bool installed() { return access("/usr/bin/containerd", X_OK) == 0; }
  // `ctr run OPTIONS IMAGE WORDS`: the words begin with the container's name.
  static std::string run(const std::string& options, const std::string& words) {
    return "ctr run " + options + " --runc-binary " + runtime() + " docker.io/library/busybox:latest " +
           words;
  }
  static Output box(const std::string& options, const std::string& words) {
    return shell(run("--rm " + options, words));
  }
  static std::string status() { return out("ctr tasks ls | awk 'NR > 1 {print $3}'"); }

 private:
  static inline std::unique_ptr<Daemon> daemon_;
};

TEST_F(Containerd, RunAndItsExitCodes) {
  Output output = box("", "one sh -c 'echo hello; exit 5'");
  EXPECT_EQ(output.code, 5) << output;
  EXPECT_EQ(output.out, "hello\n");
  output = box("", "one nosuch");
  EXPECT_EQ(output.code, 1);
  EXPECT_THAT(output.err, HasSubstr("\"nosuch\": executable file not found in $PATH"));
  EXPECT_THAT(out("script -qec '" + run("--rm -t", "one tty") + "' /dev/null"), HasSubstr("/dev/pts/"));
}

TEST_F(Containerd, ALife) {
  out(run("-d", "life sh -c 'trap \"exit 3\" TERM; while :; do sleep 0.1; done'"));
  EXPECT_EQ(out(runtime() + " --root /run/containerd/runc/default list -q"), "life\n") << "rcrt-oci knows it";
  Output inside = shell("ctr tasks exec --exec-id a life sh -c 'echo inside; exit 4'");
  EXPECT_EQ(inside.code, 4) << inside;
  EXPECT_EQ(inside.out, "inside\n");
  EXPECT_NE(shell("ctr tasks exec --exec-id b life nosuch").code, 0);
  EXPECT_THAT(out("script -qec \"ctr tasks exec -t --exec-id c life sh -c 'tty; sleep 0.5'\" /dev/null"),
              HasSubstr("/dev/pts/"));
  out("ctr tasks pause life");
  EXPECT_EQ(status(), "PAUSED\n");
  out("ctr tasks resume life");
  EXPECT_EQ(status(), "RUNNING\n");
  EXPECT_THAT(out("ctr tasks metrics life"), HasSubstr("memory.usage"));
  EXPECT_THAT(out("ctr tasks ps life"), MatchesRegex("PID +INFO\n([0-9]+ +-\n)+"));
  out("ctr tasks kill -s SIGTERM life");
  EXPECT_TRUE(eventually([] { return status() == "STOPPED\n"; }));
  EXPECT_THAT(shell("ctr tasks delete life").err, HasSubstr("exit code 3"));
  out("ctr containers rm life");
}

TEST_F(Containerd, Options) {
  EXPECT_EQ(box("--read-only", "one touch /x").err, "touch: /x: Read-only file system\n");
  std::string text = file("text", "text\n");
  EXPECT_EQ(box("--mount type=bind,src=" + text + ",dst=/text,options=rbind:ro --env A=b --cwd /tmp",
                "one sh -c 'cat /text; pwd; echo $A'")
                .out,
            "text\n/tmp\nb\n");
  EXPECT_EQ(box("--seccomp", "one grep Seccomp: /proc/self/status").out, "Seccomp:\t2\n");
  EXPECT_EQ(box("--privileged", "one sh -c 'mount -t tmpfs none /tmp && echo mounted'").out, "mounted\n");
}

}  // namespace
}  // namespace rcrt::test
