// SPDX-License-Identifier: MIT
// tag, untag, rmi, image prune: what is used stays, what is not used goes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"
#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class RemoveTest : public StageTest {
 protected:
  // An image of one layer, with busybox in it, unlike any other.
  static std::string make(const std::string& name) {
    const std::string root = stage->dir() + "/content";
    if (!fs::exists(root)) {
      EXPECT_EQ(run({"unpack", "busybox", root}).code, 0);
    }
    stage->file("content/is", name);
    Output imported = run({"import", root, name});
    EXPECT_EQ(imported.code, 0) << imported;
    return imported.out.substr(0, imported.out.find('\n'));
  }
  static std::vector<std::string> layers() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(stage->root() + "/layers"))
      if (entry.path().filename().string().size() == 64) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
  static std::string names() { return run({"images", "--format", "{{.Repository}}:{{.Tag}}"}).out; }
  static UniqueFd lock(int operation) {
    UniqueFd fd(open((stage->root() + "/layers/.lock").c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_EQ(flock(fd.get(), operation), 0);
    return fd;
  }
  void SetUp() override {
    StageTest::SetUp();
    if (stage) {
      EXPECT_EQ(box({}, {"true"}).code, 0);
    }
  }
  void TearDown() override {
    if (stage) {
      run({"rm", "-f", "--all"});
      EXPECT_EQ(run({"image", "prune", "-a", "-f"}).code, 0);
      EXPECT_EQ(run({"images", "-q"}).out, "");
      EXPECT_EQ(layers(), std::vector<std::string>());
    }
    StageTest::TearDown();
  }
};

TEST_F(RemoveTest, AnImageHasSeveralNames) {
  const std::string id = make("one");
  EXPECT_EQ(run({"tag", "one", "two:1", "reg.example/three"}).code, 0);
  EXPECT_THAT(names(),
              AllOf(HasSubstr("docker.io/library/one:latest\n"), HasSubstr("docker.io/library/two:1\n"),
                    HasSubstr("reg.example/three:latest\n")));
  EXPECT_EQ(run({"images", "-q", "one"}).out, id.substr(7, 12) + "\n");
  Output several = run({"rmi", id.substr(7, 12)});
  EXPECT_EQ(several.code, 1);
  EXPECT_THAT(several.err, HasSubstr("several names"));
  EXPECT_EQ(run({"rmi", "one"}).out, "Untagged: docker.io/library/one:latest\n");
  EXPECT_EQ(run({"run", "--rm", "two:1", "cat", "/is"}).out, "one");
  Output last = run({"rmi", "two:1", "reg.example/three"});
  EXPECT_EQ(last.code, 0);
  EXPECT_EQ(last.out,
            "Untagged: docker.io/library/two:1\nUntagged: reg.example/three:latest\nDeleted: " + id + "\n");
  EXPECT_EQ(layers().size(), 1u) << "busybox's";
  EXPECT_EQ(run({"rmi", "one"}).code, 1);
  EXPECT_EQ(run({"tag", "none", "x"}).code, 125);
  EXPECT_EQ(run({"tag", "busybox", "x@sha256:" + std::string(64, 'a')}).code, 125);
}

TEST_F(RemoveTest, ATagMovesAndTheOldImageStaysWithoutAName) {
  const std::string old = make("x"), other = make("y");
  EXPECT_EQ(run({"tag", "y", "x"}).code, 0);
  EXPECT_EQ(run({"run", "--rm", "x", "cat", "/is"}).out, "y");
  EXPECT_EQ(run({"images", "-q", "--filter", "dangling=true"}).out, old.substr(7, 12) + "\n");
  EXPECT_EQ(run({"run", "--rm", old, "cat", "/is"}).out, "x") << "by its id";
  EXPECT_EQ(run({"untag", "x"}).code, 0);
  EXPECT_EQ(run({"images", "-q", "--filter", "dangling=true"}).out.size(), 2 * 13u);
  Output pruned = run({"image", "prune", "-f"});
  EXPECT_THAT(pruned.out, AllOf(HasSubstr("Deleted: " + old + "\n"), HasSubstr("Deleted: " + other + "\n"),
                                HasSubstr("Total reclaimed space: ")));
  EXPECT_EQ(names(), "docker.io/library/busybox:latest\n");
  EXPECT_EQ(layers().size(), 1u);
}

TEST_F(RemoveTest, UntagTakesOneNameOrAll) {
  const std::string id = make("x");
  EXPECT_EQ(run({"tag", "x", "y", "z"}).code, 0);
  EXPECT_EQ(run({"untag", "x", "y"}).code, 0);
  EXPECT_THAT(names(), AllOf(HasSubstr("/x:"), Not(HasSubstr("/y:")), HasSubstr("/z:")));
  EXPECT_EQ(run({"untag", "x", "busybox"}).code, 125) << "not a name of it";
  EXPECT_EQ(run({"untag", "x"}).code, 0);
  EXPECT_THAT(names(), HasSubstr("<none>:<none>"));
  EXPECT_EQ(run({"run", "--rm", id, "true"}).code, 0);
}

TEST_F(RemoveTest, WhatAContainerStandsOnStays) {
  const std::string id = make("used");
  ASSERT_EQ(run({"run", "-d", "--name", "c", "used", "sleep", "100"}).code, 0);
  Output refused = run({"rmi", "used"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("used by container c"), HasSubstr("remove the container first")));
  EXPECT_EQ(run({"image", "prune", "-a", "-f"}).code, 0);
  EXPECT_THAT(names(), HasSubstr("/used:"));
  ASSERT_EQ(run({"rmi", "-f", "used"}).code, 0);
  EXPECT_THAT(names(), Not(HasSubstr("/used:")));
  // Others come and go: each takes away what nobody needs.
  make("other");
  EXPECT_EQ(run({"rmi", "other"}).code, 0);
  EXPECT_EQ(run({"image", "prune", "-a", "-f"}).code, 0);
  EXPECT_EQ(layers().size(), 1u);
  ASSERT_EQ(run({"stop", "-t", "0", "c"}).code, 0);
  make("other");
  EXPECT_EQ(run({"rmi", "other"}).code, 0);
  EXPECT_EQ(layers().size(), 1u) << "it has ended and still needs it";
  Output archive = run({"export", "c"});
  EXPECT_EQ(archive.code, 0) << archive.err;
  EXPECT_THAT(archive.out, HasSubstr("bin/busybox"));
  EXPECT_EQ(run({"rm", "c"}).code, 0);
  EXPECT_EQ(run({"image", "prune", "-f"}).code, 0);
  EXPECT_EQ(layers().size(), 0u);
}

TEST_F(RemoveTest, AContainerWhoseRecordCannotBeReadKeepsEverything) {
  make("used");
  ASSERT_EQ(run({"run", "--name", "c", "used", "true"}).code, 0);
  const std::string id = stage->inspect("c")["Id"].get<std::string>();
  const std::string file = stage->root() + "/containers/" + id + "/config.json";
  const std::string config = observe("cat " + file);
  std::ofstream(file) << "{";
  const auto before = layers();
  Output refused = run({"rmi", "-f", "used"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr(id));
  EXPECT_EQ(layers(), before);
  std::ofstream(file) << config;
}

TEST_F(RemoveTest, SharedLayersStayAsLongAsAnImageHasThem) {
  make("base");
  ASSERT_EQ(run({"run", "--name", "c", "base", "touch", "/added"}).code, 0);
  ASSERT_EQ(run({"commit", "-q", "c", "above"}).code, 0);
  ASSERT_EQ(run({"rm", "c"}).code, 0);
  EXPECT_EQ(layers().size(), 3u);
  EXPECT_EQ(run({"rmi", "base"}).code, 0);
  EXPECT_EQ(layers().size(), 3u);
  EXPECT_EQ(run({"run", "--rm", "above", "cat", "/is"}).out, "base");
  EXPECT_EQ(run({"rmi", "above"}).code, 0);
  EXPECT_EQ(layers().size(), 1u);
}

TEST_F(RemoveTest, NothingIsDeletedWhileAnImageIsOnItsWay) {
  make("x");
  UniqueFd held = lock(LOCK_SH);  // as run has it, until config.json says what the container needs
  const auto before = layers();
  Output removed = run({"rmi", "x"});
  EXPECT_EQ(removed.code, 0) << removed;
  EXPECT_THAT(removed.err, HasSubstr("another rcrt"));
  EXPECT_EQ(layers(), before);
  EXPECT_THAT(names(), Not(HasSubstr("/x:")));
  held.reset();
  EXPECT_EQ(run({"image", "prune", "-f"}).code, 0);
  EXPECT_EQ(layers().size(), 1u);
}

TEST_F(RemoveTest, ARunWaitsForWhoDeletes) {
  make("x");
  UniqueFd held = lock(LOCK_EX);
  auto running = stage->start({"run", "--rm", "x", "cat", "/is"});
  const std::string waits = "-> FLOCK";
  EXPECT_TRUE(eventually([&] { return observe("cat /proc/locks").find(waits) != std::string::npos; }));
  EXPECT_EQ(running->output(), "");
  held.reset();
  Output output = running->finish();
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_EQ(output.out, "x");
}

// Whatever the order of their steps: a run has a whole image or none.
TEST_F(RemoveTest, RunsAndRemovalsAtTheSameTime) {
  for (int round = 0; round < 20; ++round) {
    make("x");
    std::vector<std::unique_ptr<Process>> runs;
    for (int i = 0; i < 2; ++i)
      runs.push_back(stage->start({"run", "--rm", "--pull=never", "x", "cat", "/is"}));
    auto removal = stage->start({"rmi", "-f", "x"});
    for (auto& process : runs) {
      Output output = process->finish();
      if (output.code == 0)
        EXPECT_EQ(output.out, "x");
      else
        EXPECT_THAT(output.err, HasSubstr("no such image")) << output;
    }
    Output removed = removal->finish();
    EXPECT_EQ(removed.code, 0) << removed;
  }
}

}  // namespace
}  // namespace rcrt::test
