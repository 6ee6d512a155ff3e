// SPDX-License-Identifier: MIT
// create, and start of what was created or has ended.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

class CreateTest : public StageTest {
 protected:
  static std::string create(std::vector<std::string> options, const std::vector<std::string>& command) {
    options.insert(options.begin(), "create");
    options.push_back("busybox");
    options.insert(options.end(), command.begin(), command.end());
    Output output = run(options);
    EXPECT_EQ(output.code, 0) << output;
    EXPECT_THAT(output.out, MatchesRegex("[0-9a-f]{64}\n")) << output;
    return output.out.substr(0, 64);
  }
  static Json state(const std::string& name) { return stage->inspect(name)["State"]; }
  static void remove(const std::string& name) { EXPECT_EQ(run({"rm", "-f", "-v", name}).code, 0); }
};

TEST_F(CreateTest, IsThereAndDoesNotRun) {
  const std::string id =
      create({"--name", "made", "-e", "A=b", "-l", "k=v"}, {"sh", "-c", "echo $A; exit 3"});
  const Json made = stage->inspect("made");
  EXPECT_EQ(made["State"]["Status"], "created");
  EXPECT_EQ(made["State"]["Running"], false);
  EXPECT_EQ(made["State"]["Pid"], 0);
  EXPECT_EQ(made["Config"]["Labels"]["k"], "v");
  EXPECT_EQ(run({"ps"}).out.find("made"), std::string::npos);
  EXPECT_THAT(run({"ps", "-a"}).out, HasSubstr("Created"));
  EXPECT_EQ(run({"ps", "-aq", "--no-trunc", "-f", "status=created"}).out, id + "\n");
  EXPECT_EQ(run({"ps", "-aq", "-f", "status=exited"}).out, "");
  // Nothing of it is in use, and nobody takes it for something half made.
  EXPECT_EQ(observe("ls " + stage->state() + "/containers"), "");
  EXPECT_EQ(run({"system", "recover"}).out, "");
  EXPECT_EQ(run({"wait", "made"}).out, "0\n");
  EXPECT_EQ(run({"logs", "made"}).out, "");
  EXPECT_EQ(run({"stop", "made"}).code, 0);
  EXPECT_THAT(run({"kill", "made"}).err, HasSubstr("container is not running"));
  EXPECT_THAT(run({"rmi", "busybox"}).err, HasSubstr("used by container made"));
  EXPECT_THAT(run({"create", "--name", "made", "busybox"}).err, HasSubstr("name is in use"));
  EXPECT_EQ(state("made")["Status"], "created");

  EXPECT_EQ(run({"start", "made"}).out, "made\n");
  EXPECT_EQ(run({"wait", "made"}).out, "3\n");
  EXPECT_EQ(run({"logs", "made"}).out, "b\n");
  EXPECT_EQ(state("made")["Status"], "exited");
  EXPECT_EQ(stage->inspect("made")["Created"], made["Created"]);
  EXPECT_EQ(run({"rm", "made"}).out, "made\n");
}

TEST_F(CreateTest, RemovedWithoutEverRunning) {
  create({"--name", "made", "-v", "/anonymous", "-v", "named:/n"}, {"true"});
  EXPECT_EQ(std::ranges::count(run({"volume", "ls", "-q"}).out, '\n'), 2);
  EXPECT_EQ(run({"rm", "-v", "made"}).code, 0);
  EXPECT_EQ(run({"volume", "ls", "-q"}).out, "named\n");
  EXPECT_EQ(run({"volume", "rm", "named"}).code, 0);
}

TEST_F(CreateTest, AttachedStart) {
  create({"--name", "made", "-i"}, {"sh", "-c", "cat; echo err >&2; exit 7"});
  Output started = run({"start", "-a", "-i", "made"}, "words");
  EXPECT_EQ(started.code, 7) << started;
  EXPECT_EQ(started.out, "words");
  EXPECT_EQ(started.err, "err\n");
  // Without -i it gets no input, and ends at once; the log has both runs.
  EXPECT_EQ(run({"start", "-a", "made"}, "unheard").out, "");
  EXPECT_EQ(run({"logs", "made"}).out, "wordserr\nerr\n");
  EXPECT_THAT(run({"start", "-a", "made", "other"}).err, HasSubstr("several containers"));
  EXPECT_EQ(run({"start", "made", "none"}).code, 1);
  remove("made");
  create({"--name", "gone", "--rm"}, {"echo", "hello"});
  EXPECT_EQ(run({"start", "-a", "gone"}).out, "hello\n");
  EXPECT_TRUE(eventually([] { return run({"ps", "-aq"}).out.empty(); }));
}

// A detached container that was asked to keep its standard input open waits for it.
TEST_F(CreateTest, DetachedInputStaysOpen) {
  ASSERT_EQ(run({"run", "-d", "-i", "--name", "open", "busybox", "cat"}).code, 0);
  create({"--name", "made", "-i"}, {"sh", "-c", "readlink /proc/$$/fd/0; read x; echo ended"});
  EXPECT_EQ(run({"start", "made"}).code, 0);
  EXPECT_TRUE(eventually([] { return run({"logs", "made"}).out.starts_with("pipe:"); }));
  // Both would have ended as soon as they had an end of file.
  EXPECT_TRUE(eventually([] {
    return observe("cat /proc/" + state("open")["Pid"].dump() + "/wchan").find("pipe_read") !=
           std::string::npos;
  }));
  for (const char* name : {"open", "made"}) {
    EXPECT_EQ(state(name)["Running"], true) << name;
    remove(name);
  }
}

TEST_F(CreateTest, StartedAgain) {
  ASSERT_EQ(
      run({"run", "--name", "again", "--hostname", "h", "-v", "/kept", "-w", "/tmp", "busybox", "sh", "-c",
           "echo x >>/kept/f; echo x >>/root-file; cat /kept/f /root-file; "
           "hostname; pwd"})
          .code,
      0);
  for (const char* xs : {"x\nx\nx\nx\nh\n/tmp\n", "x\nx\nx\nx\nx\nx\nh\n/tmp\n"}) {
    Output started = run({"start", "-a", "again"});
    EXPECT_EQ(started.out, xs) << started;
  }
  remove("again");
  // One that was stopped, and one that was killed from outside.
  ASSERT_EQ(run({"run", "-d", "--name", "again", "busybox", "sleep", "1000"}).code, 0);
  EXPECT_EQ(run({"start", "again"}).out, "again\n") << "it runs, which is no error";
  const int first = state("again")["Pid"].get<int>();
  EXPECT_EQ(run({"stop", "-t", "0", "again"}).code, 0);
  EXPECT_EQ(run({"start", "again"}).code, 0);
  EXPECT_EQ(state("again")["Running"], true);
  EXPECT_NE(state("again")["Pid"], first);
  EXPECT_EQ(state("again")["ExitCode"], 0);
  EXPECT_EQ(run({"kill", "again"}).code, 0);
  EXPECT_EQ(run({"wait", "again"}).out, "137\n");
  EXPECT_EQ(run({"start", "again"}).code, 0);
  remove("again");
}

TEST_F(CreateTest, WhatCannotStartStaysAsItWas) {
  create({"--name", "bad"}, {"/no/such/command"});
  Output started = run({"start", "bad"});
  EXPECT_THAT(started.err, AllOf(StartsWith("rcrt: "), HasSubstr("/no/such/command")));
  EXPECT_EQ(run({"start", "-a", "bad"}).code, 127);
  EXPECT_EQ(run({"ps", "-aq"}).out.size(), 13u);
  EXPECT_EQ(observe("ls " + stage->state() + "/containers"), "");
  remove("bad");
  // Found out when it is made.
  EXPECT_THAT(run({"create", "-u", "nobody-there", "busybox"}).err, HasSubstr("nobody-there"));
  EXPECT_EQ(run({"create", "--pull=never", "reg.example/none"}).code, 125);
  EXPECT_EQ(run({"ps", "-aq"}).out, "");
  // One that depends on another.
  ASSERT_EQ(run({"run", "-d", "--name", "other", "busybox", "sleep", "1000"}).code, 0);
  create({"--name", "made", "--net=container:other"}, {"true"});
  remove("other");
  EXPECT_THAT(run({"start", "made"}).err, HasSubstr("other"));
  EXPECT_EQ(state("made")["Status"], "created");
  ASSERT_EQ(run({"run", "-d", "--name", "other", "busybox", "sleep", "1000"}).code, 0);
  EXPECT_EQ(run({"start", "-a", "made"}).code, 0);
  remove("made");
  remove("other");
}

// The same files, by every verb that looks at them.
TEST_F(CreateTest, ItsRootIsThere) {
  create({"--name", "made"}, {"true"});
  EXPECT_EQ(run({"diff", "made"}).out, "");
  EXPECT_EQ(run({"export", "-o", stage->dir() + "/made.tar", "made"}).code, 0);
  EXPECT_THAT(observe("tar tf " + stage->dir() + "/made.tar"), HasSubstr("bin/busybox"));
  Output committed = run({"commit", "made", "from-created"});
  EXPECT_EQ(committed.code, 0) << committed;
  EXPECT_EQ(run({"run", "--rm", "from-created"}).code, 0);
  EXPECT_EQ(run({"rmi", "from-created"}).code, 0);
  remove("made");
  observe("rm " + stage->dir() + "/made.tar");
}

TEST_F(CreateTest, ADirectoryAndATerminal) {
  const std::string root = stage->dir() + "/rootfs";
  ASSERT_EQ(run({"unpack", "busybox", root}).code, 0);
  ASSERT_EQ(
      run({"--storage=dir", "create", "--name", "made", "-t", root, "sh", "-c", "test -t 1 && echo tty"})
          .code,
      0);
  EXPECT_EQ(run({"start", "-a", "made"}).out, "tty\r\n");
  EXPECT_EQ(run({"start", "made"}).code, 0);
  EXPECT_EQ(run({"wait", "made"}).out, "0\n");
  EXPECT_EQ(run({"logs", "made"}).out, "tty\r\ntty\r\n");
  remove("made");
  std::filesystem::remove_all(root);
}

// After a reboot nothing of /run is left.
TEST_F(CreateTest, OutlivesAReboot) {
  create({"--name", "made"}, {"echo", "hello"});
  ASSERT_EQ(run({"run", "-d", "--name", "ran", "busybox", "sleep", "1000"}).code, 0);
  const Json inside = state("ran");
  const std::string monitor = observe("awk '{print $4}' /proc/" + inside["Pid"].dump() + "/stat");
  kill(std::stoi(monitor), SIGKILL);
  kill(inside["Pid"].get<int>(), SIGKILL);
  EXPECT_TRUE(eventually([&] { return kill(inside["Pid"].get<int>(), 0) != 0; }));
  std::filesystem::remove_all(stage->state());
  observe("rmdir /sys/fs/cgroup/rcrt/*");
  EXPECT_EQ(state("made")["Status"], "created");
  EXPECT_EQ(state("ran")["Status"], "exited");
  EXPECT_EQ(state("ran")["ExitCode"], 255);
  EXPECT_THAT(state("ran")["Error"].get<std::string>(), HasSubstr("exit status is lost"));
  EXPECT_EQ(run({"start", "-a", "made"}).out, "hello\n");
  EXPECT_EQ(run({"start", "ran"}).code, 0);
  EXPECT_EQ(state("ran")["Running"], true);
  remove("ran");
  remove("made");
}

}  // namespace
}  // namespace rcrt::test
