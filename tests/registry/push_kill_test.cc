// SPDX-License-Identifier: MIT
// A push killed at every step leaves our store and the registry good, and the next one finishes.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>

#include "tests/e2e/faults.h"
#include "tests/registry/real_registry.h"
#include "tests/registry/registry_stage.h"

namespace rcrt::test {
namespace {

using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;

class PushKillTest : public WithFaults<RegistryTest> {
 protected:
  void SetUp() override {
    if (!have_program("docker-registry")) GTEST_SKIP() << "docker-registry is not installed";
    RegistryTest::SetUp();
  }
  void TearDown() override {
    if (stage)
      for (const char* folder : {"/real", "/second"}) std::filesystem::remove_all(stage->dir() + folder);
    RegistryTest::TearDown();
  }
  // With a store of its own, so that all of it comes from the registry.
  static Output second(std::vector<std::string> args) {
    args.insert(args.begin(),
                {"--root", stage->dir() + "/second", "--state", stage->dir() + "/second/state"});
    return run(args);
  }
};

TEST_F(PushKillTest, AtEveryStep) {
  RealRegistry real(stage->dir() + "/real", false, RegistryAuth::none);
  registry().make("team/app", "latest", "layers=2");
  const std::string image = registry().host() + "/team/app:latest";
  ASSERT_EQ(pull(image).code, 0);
  int at = 1;
  for (;; ++at) {
    SCOPED_TRACE(at);
    const std::string to = real.host() + ("/team/app" + std::to_string(at));
    Output killed = run_with("RCRT_FAULT_AT=" + std::to_string(at), {"push", "--parallel=1", image, to});
    const bool whole = killed.code == 0;
    if (!whole) {
      ASSERT_EQ(killed.code, 128 + SIGKILL) << killed;
    }
    // The registry has the image or has it not; no manifest is there without its blobs.
    Output there = second({"pull", to});
    if (there.code == 0) {
      ASSERT_EQ(second({"unpack", to, stage->dir() + "/second/out"}).code, 0);
      EXPECT_EQ(observe("cat " + stage->dir() + "/second/out/number"), "1");
      EXPECT_EQ(second({"rmi", to}).code, 0);
      observe("rm -r " + stage->dir() + "/second/out");
    } else {
      EXPECT_THAT(there.err, HasSubstr("404")) << there;
      EXPECT_FALSE(whole);
    }
    if (whole) break;
    EXPECT_THAT(run({"image", "verify"}).out, EndsWith(" 0 problems\n"));
    Output again = run({"push", image, to});
    ASSERT_EQ(again.code, 0) << again;
    EXPECT_EQ(second({"pull", "-q", to}).code, 0);
    EXPECT_EQ(second({"rmi", to}).code, 0);
  }
  EXPECT_GT(at, 5);
  EXPECT_EQ(run({"rmi", image}).code, 0);
}

}  // namespace
}  // namespace rcrt::test
