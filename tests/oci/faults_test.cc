// SPDX-License-Identifier: MIT
// rcrt-oci killed at every step of create, start and delete: `delete --force` finishes the
// work, and nothing is left.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

class Faults : public OciTest {
 protected:
  void SetUp() override {
    OciTest::SetUp();
    if (IsSkipped()) return;
    std::string dir = stage->dir() + "/faults";
    mkdir(dir.c_str(), 0755);
    ASSERT_EQ(observe("tar -xf packaging/dist_faults.tar -C " + dir + " --no-same-owner"), "");
    program_ = dir + "/bin/rcrt-oci";
  }
  // Killed at its n-th step; false when it came to its end.
  bool killed(int step, const std::vector<std::string>& args) {
    setenv("RCRT_FAULT_AT", std::to_string(step).c_str(), 1);
    Output output = oci_apart(args, program_);
    unsetenv("RCRT_FAULT_AT");
    if (output.code == 128 + SIGKILL) return true;
    EXPECT_EQ(output.code, 0) << output;
    return false;
  }
  // What the killed program left is ours to reap, as an engine does: a zombie keeps its pid
  // namespace, and that its first process. True when `last` has ended, which stays.
  static bool reap_until(pid_t last) {
    siginfo_t info = {};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
      if (info.si_pid == last) return true;
      waitpid(info.si_pid, nullptr, 0);
      info = {};
    }
    return false;
  }
  void nothing_is_left(int step) {
    Process process(command({"delete", "--force", "c1"}), {"RCRT_ROOT=" + stage->root()});
    EXPECT_TRUE(eventually([&] { return reap_until(process.pid()); })) << "after step " << step;
    Output deleted = process.finish();
    EXPECT_EQ(deleted.code, 0) << "after step " << step << ": " << deleted;
    EXPECT_EQ(leftovers(), "") << "after step " << step;
    EXPECT_TRUE(eventually([] {
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      return waitpid(-1, nullptr, WNOHANG) < 0;
    })) << "a process is left after step "
        << step;
  }

  std::string program_;
};

TEST_F(Faults, Create) {
  std::string dir = bundle_of("sleep 1000");
  int step = 1;
  while (killed(step, {"create", "--bundle", dir, "c1"})) {
    Output again = oci({"state", "c1"});
    EXPECT_TRUE(again.code == 0 || again.code == 1) << again;
    nothing_is_left(step++);
    ASSERT_LT(step, 200);
  }
  EXPECT_GT(step, 10) << "there are fault points";
  nothing_is_left(0);
}

TEST_F(Faults, RunWithHooks) {
  Json spec = config("sleep 1000");
  for (const char* kind : {"createRuntime", "startContainer", "poststart"})
    spec["hooks"][kind] = {{{"path", "/bin/true"}}};
  std::string dir = bundle(spec);
  int step = 1;
  while (killed(step, {"run", "--detach", "--bundle", dir, "c1"})) {
    nothing_is_left(step++);
    ASSERT_LT(step, 200);
  }
  EXPECT_GT(step, 15) << "there are fault points";
  nothing_is_left(0);
}

TEST_F(Faults, Exec) {
  for (int step = 1;; ++step) {
    ASSERT_EQ(create("c1", config("sleep 1000")).code, 0);
    const bool more = killed(step, {"exec", "--detach", "c1", "sleep", "1000"});
    nothing_is_left(step);
    if (!more) break;
    ASSERT_LT(step, 200);
  }
}

TEST_F(Faults, StartAndDelete) {
  for (const char* verb : {"start", "delete"}) {
    bool more = true;
    int step = 1;
    for (; more; ++step) {
      ASSERT_EQ(create("c1", config("sleep 1000")).code, 0);
      more = killed(step, {verb, "c1"});
      nothing_is_left(step);
    }
    EXPECT_GT(step, 2) << verb;
  }
}

}  // namespace
}  // namespace rcrt::test
