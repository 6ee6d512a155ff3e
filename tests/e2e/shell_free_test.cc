// SPDX-License-Identifier: MIT
// Nothing is executed but our own programs and the container's command.
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <regex>
#include <set>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

using testing::ElementsAre;

class ShellFreeTest : public StageTest {
 protected:
  // The programs that were executed by `rcrt ARGS` and all it started, with the stage's
  // folder cut off.
  static std::set<std::string> executed(const std::vector<std::string>& args, int code = 0) {
    std::string log = stage->dir() + "/strace";
    std::vector<std::string> command = {"/usr/bin/strace",
                                        "-f",
                                        "-qq",
                                        "-y",
                                        "-e",
                                        "trace=execve,execveat",
                                        "-o",
                                        log,
                                        stage->program(),
                                        "--root",
                                        stage->root(),
                                        "--state",
                                        stage->state()};
    command.insert(command.end(), args.begin(), args.end());
    Process process(command, {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"});
    Output output = process.finish();
    EXPECT_EQ(output.code, code) << output;
    std::set<std::string> programs;
    std::ifstream file(log);
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      // Failed attempts count: nothing is even looked for. The monitor is executed by a
      // descriptor of a read-only mount of its own, which has no path: it goes by its name.
      if (line.find("execve") == std::string::npos) continue;
      if (!std::regex_search(
              line, match, std::regex(R"re(execve\("([^"]*)"|execveat\(\d+<[^>]*>, "", \["([^"]*)"\])re"))) {
        programs.insert(line);
        continue;
      }
      std::string program = match[1].matched ? match[1].str() : match[2].str();
      if (program.starts_with(stage->dir() + "/p/")) program = program.substr(stage->dir().size() + 3);
      programs.insert(program);
    }
    EXPECT_FALSE(programs.empty()) << "strace says nothing";
    return programs;
  }
};

TEST_F(ShellFreeTest, Run) {
  if (access("/usr/bin/strace", X_OK) != 0) GTEST_SKIP() << "no strace: apt-get install strace";
  EXPECT_THAT(executed({"run", "--rm", "busybox", "/bin/true"}),
              ElementsAre("/bin/true", "bin/rcrt", "rcrt-monitor"));
  EXPECT_THAT(executed({"run", "--rm", "--init", "busybox", "/bin/true"}),
              ElementsAre("/bin/true", "bin/rcrt", "rcrt-monitor"));
}

TEST_F(ShellFreeTest, RunOnABridgeWithPorts) {
  if (access("/usr/bin/strace", X_OK) != 0) GTEST_SKIP() << "no strace: apt-get install strace";
  EXPECT_THAT(executed({"--net=bridge", "run", "--rm", "-p", "8080:80", "-v", "/etc:/mnt:ro", "busybox",
                        "/bin/true"}),
              ElementsAre("/bin/true", "bin/rcrt", "rcrt-monitor"));
  EXPECT_THAT(executed({"network", "teardown"}), ElementsAre("bin/rcrt"));
  EXPECT_THAT(executed({"network", "backups"}), ElementsAre("bin/rcrt"));
}

TEST_F(ShellFreeTest, ImagesAndTheRest) {
  if (access("/usr/bin/strace", X_OK) != 0) GTEST_SKIP() << "no strace: apt-get install strace";
  std::string rootfs = stage->dir() + "/unpacked";
  EXPECT_THAT(executed({"unpack", "busybox", rootfs}), ElementsAre("bin/rcrt"));
  EXPECT_THAT(executed({"import", rootfs, "again"}), ElementsAre("bin/rcrt"));
  EXPECT_THAT(executed({"import", stage->dir() + "/p/share/rcrt/images/busybox.tar", "third"}),
              ElementsAre("bin/rcrt"));
  EXPECT_THAT(executed({"rmi", "again", "third"}), ElementsAre("bin/rcrt"));
  EXPECT_THAT(executed({"plugin", "ls"}), ElementsAre("bin/rcrt"));
  EXPECT_THAT(executed({"system", "recover"}), ElementsAre("bin/rcrt"));
  for (const char* verb : {"images", "ps", "version"})
    EXPECT_THAT(executed({verb}), ElementsAre("bin/rcrt")) << verb;
}

}  // namespace
}  // namespace rcrt::test
