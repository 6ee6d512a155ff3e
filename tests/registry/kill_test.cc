// SPDX-License-Identifier: MIT
// A pull killed at every step leaves no image that seems complete, and the next one finishes.
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/e2e/faults.h"
#include "tests/registry/registry_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class KillTest : public WithFaults<RegistryTest> {};

TEST_F(KillTest, AtEveryStep) {
  registry().make("team/app", "latest", "layers=2");
  const std::string image = registry().host() + "/team/app:latest";
  int at = 1;
  for (;; ++at) {
    SCOPED_TRACE(at);
    // One layer at a time: the steps come in one order, but for the unpacking beside them.
    Output killed = run_with("RCRT_FAULT_AT=" + std::to_string(at), {"pull", "--parallel=1", image});
    if (killed.code == 0) break;
    ASSERT_EQ(killed.code, 128 + SIGKILL) << killed;
    // Either it is not there, or all of it is.
    if (run({"images"}).out.find("127.0.0.1") != std::string::npos) {
      EXPECT_TRUE(is_whole(image, 2));
    }
    Output again = pull(image);
    ASSERT_EQ(again.code, 0) << again;
    EXPECT_TRUE(is_whole(image, 2));
    ASSERT_EQ(run({"rmi", image}).code, 0);
    EXPECT_THAT(run({"images"}).out, Not(HasSubstr("127.0.0.1")));
  }
  EXPECT_GT(at, 15);
  EXPECT_EQ(run({"rmi", image}).code, 0);
}

}  // namespace
}  // namespace rcrt::test
