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
  void nothing_is_left(int step) {
    EXPECT_EQ(oci({"delete", "--force", "c1"}).code, 0);
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
