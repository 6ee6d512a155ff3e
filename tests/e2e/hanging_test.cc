// SPDX-License-Identifier: MIT
// Plugins that hang, or cannot undo what they have done, and what a user can do then.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <regex>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

// net-answers.so does what the container's name says.
class HangingTest : public StageTest {
 protected:
  static void SetUpTestSuite() {
    StageTest::SetUpTestSuite();
    if (!stage) return;
    mkdir(folder().c_str(), 0755);
    install();
  }
  static std::string folder() { return stage->dir() + "/plugins"; }
  static std::string file() { return folder() + "/net-answers.so"; }
  static void install() {
    fs::copy("tests/plugins/zoo/net-answers.so", file());
    chmod(file().c_str(), 0755);
  }
  static std::vector<std::string> with_plugin(const std::vector<std::string>& words) {
    std::vector<std::string> all = {"--plugin-dir", folder(), "--net=answers", "run", "--name"};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  static std::string journals() { return observe("cat " + stage->state() + "/containers/*/journal"); }
  // Ends the process that a message names.
  static void end_process_of(const std::string& message) {
    std::smatch found;
    ASSERT_TRUE(std::regex_search(message, found, std::regex("process ([0-9]+)"))) << message;
    const pid_t pid = std::stoi(found[1]);
    EXPECT_EQ(kill(pid, SIGKILL), 0) << message;
    EXPECT_TRUE(eventually([&] { return kill(pid, 0) != 0; }));
  }
};

TEST_F(HangingTest, SignalsEndARunThatHasNotBegun) {
  for (const int number : {SIGINT, SIGTERM}) {
    auto client = stage->start(with_plugin({"hangs", "busybox", "true"}));
    EXPECT_TRUE(eventually([] { return journals().find("\"network\"") != std::string::npos; }));
    EXPECT_THAT(run({"ps", "-a"}).out, HasSubstr("Created"));
    EXPECT_EQ(run({"inspect", "-f", "{{.State.Status}}", "hangs"}).out, "created\n");
    client->signal(number);
    EXPECT_EQ(client->finish().code, 128 + number);
    EXPECT_TRUE(eventually([] { return run({"ps", "-aq"}).out.empty(); }));
  }
}

TEST_F(HangingTest, NobodyWaitsForeverForAnUndo) {
  ASSERT_EQ(run(with_plugin({"hangs-in-undo", "-d", "busybox", "sleep", "1000"})).code, 0);
  ASSERT_EQ(run({"kill", "hangs-in-undo"}).code, 0);
  // The monitor has become the clean-up that hangs.
  EXPECT_TRUE(eventually([] { return run({"ps", "-a"}).out.find("Exited (137)") != std::string::npos; }));
  Output removed = run({"rm", "-f", "hangs-in-undo"});
  EXPECT_EQ(removed.code, 1) << removed;
  EXPECT_THAT(removed.err, AllOf(HasSubstr("cannot lock container"), HasSubstr("a plugin may hang")));
  end_process_of(removed.err);

  // From here on whoever meets it tries again.
  Output listed = run({"ps", "-a"});
  EXPECT_THAT(listed.out, HasSubstr("Exited (137)"));
  EXPECT_THAT(listed.err, HasSubstr("a plugin may hang"));
  EXPECT_EQ(run({"inspect", "-f", "{{.State.ExitCode}}", "hangs-in-undo"}).out, "137\n");
  end_process_of(listed.err);

  removed = run({"rm", "-f", "hangs-in-undo"});
  EXPECT_EQ(removed.code, 1) << removed;
  EXPECT_THAT(removed.err, AllOf(HasSubstr("gave up"), HasSubstr("hangs-in-undo"), HasSubstr("a plugin")));
  EXPECT_EQ(observe("pgrep -f 'rm -f hangs-in-und[o]'"), "");
  fs::remove(file());
  EXPECT_EQ(run({"rm", "-f", "hangs-in-undo"}).out, "hangs-in-undo\n");
  install();
}

TEST_F(HangingTest, WhatCannotBeUndoneIsLeftByForce) {
  ASSERT_EQ(run(with_plugin({"fails-in-undo", "-d", "busybox", "sleep", "1000"})).code, 0);
  ASSERT_EQ(run({"kill", "fails-in-undo"}).code, 0);
  EXPECT_EQ(run({"wait", "fails-in-undo"}).out, "137\n");
  Output removed = run({"rm", "fails-in-undo"});
  EXPECT_EQ(removed.code, 1);
  EXPECT_THAT(removed.err, HasSubstr("cannot undo"));
  removed = run({"rm", "-f", "fails-in-undo"});
  EXPECT_EQ(removed.out, "fails-in-undo\n") << removed;
  EXPECT_THAT(removed.err, AllOf(HasSubstr("rcrt: warning: cannot undo"), HasSubstr("may be left")));
}

}  // namespace
}  // namespace rcrt::test
