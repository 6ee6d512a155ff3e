// SPDX-License-Identifier: MIT
// `rcrt run`: exit codes, streams, signals.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class RunTest : public StageTest {};

// The engine's own errors: one line, the code, and nothing on standard output.
void expect_refused(const Output& output, const std::string& says, int code = 125) {
  EXPECT_EQ(output.code, code) << output;
  EXPECT_EQ(output.out, "");
  EXPECT_THAT(output.err, StartsWith("rcrt: "));
  EXPECT_THAT(output.err, HasSubstr(says));
  EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
}

TEST_F(RunTest, GivesTheCommandsExitCode) {
  EXPECT_EQ(sh({}, "exit 0").code, 0);
  EXPECT_EQ(sh({}, "exit 3").code, 3);
  EXPECT_EQ(sh({}, "exit 255").code, 255);
  EXPECT_EQ(sh({"--init"}, "exit 7").code, 7);
}

TEST_F(RunTest, GivesTheSignalThatEndedTheCommand) {
  EXPECT_EQ(sh({"--init"}, "kill -9 $$").code, 128 + SIGKILL);
  EXPECT_EQ(sh({"--init"}, "kill -TERM $$").code, 128 + SIGTERM);
}

TEST_F(RunTest, Exits125ForItsOwnErrors) {
  expect_refused(run({"run", "--no-such-flag", "busybox"}), "--no-such-flag");
  expect_refused(run({"run"}), "no image");
  expect_refused(run({"run", "no-such-image:1", "true"}), "no-such-image");
  expect_refused(run({"--net=nosuch", "run", "busybox", "true"}), "nosuch");
  expect_refused(run({"--storage=nosuch", "run", "busybox", "true"}), "nosuch");
  expect_refused(run({"run", "--memory", "lots", "busybox", "true"}), "lots");
  expect_refused(run({"nosuchverb"}), "nosuchverb");
}

TEST_F(RunTest, Exits126And127ForACommandThatCannotRun) {
  expect_refused(box({}, {"/etc/passwd"}), "/etc/passwd", 126);
  expect_refused(box({}, {"/etc"}), "/etc", 126);
  expect_refused(box({}, {"no-such-command"}), "no-such-command", 127);
  expect_refused(box({}, {"/no/such/command"}), "/no/such/command", 127);
}

TEST_F(RunTest, KeepsTheStreamsApart) {
  Output output = sh({}, "echo to out; echo to err >&2");
  EXPECT_EQ(output.out, "to out\n");
  EXPECT_EQ(output.err, "to err\n");
}

TEST_F(RunTest, StaysWithTheStreamsItIsToldTo) {
  auto with = [](std::vector<std::string> options, bool kept = false) {
    options.insert(options.begin(), {"run", "--name", "streams"});
    if (!kept) options.insert(options.begin() + 1, "--rm");
    options.insert(options.end(), {"busybox", "sh", "-c", "cat; echo out; echo err >&2; exit 3"});
    return run(options, "in\n");
  };
  Output output = with({"-a", "stdout"});
  EXPECT_EQ(output.out, "out\n") << output;
  EXPECT_EQ(output.err, "");
  EXPECT_EQ(output.code, 3);
  output = with({"-a", "STDERR", "-i"}, true);
  EXPECT_EQ(output.out, "");
  EXPECT_EQ(output.err, "err\n");
  EXPECT_EQ(run({"logs", "streams"}).out, "in\nout\nerr\n") << "the log has all";
  EXPECT_EQ(run({"rm", "streams"}).code, 0);
  output = with({"--attach=stdin", "-a", "stdout"});
  EXPECT_EQ(output.out, "in\nout\n");
  EXPECT_EQ(with({"-a", "all"}).code, 125);
  EXPECT_EQ(with({"-d", "-a", "stdout"}).code, 125);
}

TEST_F(RunTest, KeepsSignalsToItself) {
  auto client = stage->start({"run", "--sig-proxy=false", "--name", "deaf", "busybox", "sh", "-c",
                              "trap 'echo heard; exit 5' TERM; echo ready; while :; do sleep 0.1; done"});
  ASSERT_TRUE(client->wait_for("ready\n"));
  client->signal(SIGTERM);
  Output output = client->finish();
  EXPECT_EQ(output.code, 128 + SIGTERM);
  EXPECT_EQ(output.out, "ready\n");
  EXPECT_EQ(stage->inspect("deaf")["State"]["Running"], true);
  EXPECT_EQ(run({"stop", "deaf"}).code, 0);
  EXPECT_EQ(run({"wait", "deaf"}).out, "5\n");
  EXPECT_EQ(run({"rm", "deaf"}).code, 0);
}

TEST_F(RunTest, PassesStandardInputOnlyWhenInteractive) {
  EXPECT_EQ(box({"-i"}, {"cat"}, "some words\n").out, "some words\n");
  EXPECT_EQ(box({}, {"cat"}, "some words\n").out, "");
}

TEST_F(RunTest, PassesMuchDataThrough) {
  std::string much;
  for (int i = 0; i < 100'000; ++i) much += std::to_string(i) + "\n";
  Output output = box({"-i"}, {"cat"}, much);
  EXPECT_EQ(output.code, 0);
  EXPECT_TRUE(output.out == much) << output.out.size() << " of " << much.size() << " bytes";
}

TEST_F(RunTest, ForwardsSignals) {
  auto process =
      stage->start({"run", "--rm", "busybox", "sh", "-c",
                    "trap 'echo usr1' USR1; trap 'echo winch' WINCH; trap 'echo term; exit 9' TERM; "
                    "echo ready; "
                    "while :; do sleep 0.05; done"});
  ASSERT_TRUE(process->wait_for("ready\n"));
  process->signal(SIGUSR1);
  ASSERT_TRUE(process->wait_for("usr1\n"));
  process->signal(SIGWINCH);  // it has no terminal that would tell it
  ASSERT_TRUE(process->wait_for("winch\n"));
  process->signal(SIGTERM);
  EXPECT_TRUE(process->wait_for("term\n"));
  EXPECT_EQ(process->finish().code, 9);
}

TEST_F(RunTest, DebugTellsTheSteps) {
  Output output = run({"--debug", "--net=none", "run", "--rm", "busybox", "echo", "hello"});
  EXPECT_EQ(output.out, "hello\n");
  EXPECT_THAT(output.err,
              testing::ContainsRegex("rcrt: debug: +[0-9.]+ ms \\+ +[0-9.]+ ms  config written\n"));
  EXPECT_THAT(output.err, HasSubstr(" started\n"));
  EXPECT_EQ(run({"--net=none", "run", "--rm", "busybox", "true"}).err, "");
}

TEST_F(RunTest, InitForwardsSignalsAndDiesOfThem) {
  auto process =
      stage->start({"run", "--rm", "--init", "busybox", "sh", "-c", "echo ready; exec sleep 1000"});
  ASSERT_TRUE(process->wait_for("ready\n"));
  process->signal(SIGTERM);
  EXPECT_EQ(process->finish().code, 128 + SIGTERM);
}

TEST_F(RunTest, InitReapsOrphans) {
  Output output =
      sh({"--init"}, "(sleep 0.1 &) ; sleep 0.4; grep -c '^State:.Z' /proc/[0-9]*/status | grep -c ':1$'");
  EXPECT_EQ(output.out, "0\n") << output;
}

TEST_F(RunTest, ClosesItsStreamsWhenTheContainerIsDetached) {
  // Process::finish() waits for the end of both streams.
  Output output = run({"run", "-d", "--rm", "busybox", "sleep", "1000"});
  ASSERT_EQ(output.code, 0) << output;
  std::string id = output.out.substr(0, output.out.find('\n'));
  EXPECT_EQ(run({"rm", "-f", id}).code, 0);
}

TEST_F(RunTest, LeavesNoDescriptorOpenInside) {
  EXPECT_EQ(box({}, {"ls", "/proc/self/fd"}).out, "0\n1\n2\n3\n");  // 3 is the folder that is read
}

// Else what rcrt opens first takes their numbers.
TEST_F(RunTest, StreamsThatAreClosedAreNull) {
  const std::string command = "RCRT_ROOT=" + stage->root() + " RCRT_STATE=" + stage->state() + " " +
                              stage->program() + " --net=none run --rm -i -v " + stage->dir() +
                              ":/shown busybox sh -c 'for i in 0 1 2; do readlink /proc/$$/fd/$i; done 3>&1 "
                              ">/shown/streams' <&- >&- 2>&-; echo $?";
  EXPECT_EQ(observe(command), "0\n");
  EXPECT_EQ(observe("sed -n '1p;3p' " + stage->dir() + "/streams"), "/dev/null\n/dev/null\n");
  EXPECT_EQ(observe(command + " >/dev/null; grep -c socket " + stage->dir() + "/streams"), "0\n");
}

TEST_F(RunTest, RefusesANameThatIsTaken) {
  ASSERT_EQ(run({"run", "-d", "--name", "taken", "busybox", "sleep", "1000"}).code, 0);
  expect_refused(run({"run", "--rm", "--name", "taken", "busybox", "true"}), "taken");
  expect_refused(run({"run", "--rm", "--name", "../up", "busybox", "true"}), "../up");
  EXPECT_EQ(run({"rm", "-f", "taken"}).code, 0);
  EXPECT_EQ(run({"run", "--rm", "--name", "taken", "busybox", "true"}).code, 0);
}

TEST_F(RunTest, WritesTheIdToAFile) {
  std::string file = stage->dir() + "/cid";
  Output output = run({"run", "-d", "--cidfile", file, "busybox", "true"});
  ASSERT_EQ(output.code, 0) << output;
  std::string id;
  std::getline(std::ifstream(file), id);
  EXPECT_EQ(id + "\n", output.out);
  EXPECT_EQ(id.size(), 64u);
  expect_refused(run({"run", "--rm", "--cidfile", file, "busybox", "true"}), file);
  EXPECT_EQ(run({"wait", id}).out, "0\n");
  EXPECT_EQ(run({"rm", id}).code, 0);
}

TEST_F(RunTest, WritesTheProcessIdToAFile) {
  std::string file = stage->dir() + "/pid";
  ASSERT_EQ(run({"run", "-d", "--name", "known", "--pidfile", file, "busybox", "sleep", "1000"}).code, 0);
  int pid = 0;
  std::ifstream(file) >> pid;
  EXPECT_EQ(stage->inspect("known")["State"]["Pid"], pid);
  EXPECT_EQ(run({"rm", "-f", "known"}).code, 0);
}

TEST_F(RunTest, RunsADirectoryAsItIs) {
  std::string rootfs = stage->dir() + "/rootfs";
  ASSERT_EQ(run({"unpack", "busybox", rootfs}).code, 0);
  Output output =
      run({"--storage=dir", "run", "--rm", rootfs, "sh", "-c", "echo inside >/made; cat /etc/passwd"});
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_THAT(output.out, HasSubstr("root:x:0:0"));
  std::string text;
  std::getline(std::ifstream(rootfs + "/made"), text);
  EXPECT_EQ(text, "inside");
  output = run({"--storage=dir", "run", "--rm", "--read-only", rootfs, "touch", "/more"});
  EXPECT_THAT(output.err, HasSubstr("Read-only"));
  expect_refused(run({"--storage=dir", "run", "--rm", "/", "true"}), "host's own root");
}

TEST_F(RunTest, ExplainChangesNothing) {
  // Nothing is imported either: not a folder is made.
  std::string root = stage->dir() + "/other-root", state = stage->dir() + "/other-state";
  auto explain = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--root", root, "--state", state, "run", "--explain"});
    return run(words);
  };
  Output output = explain({"--net=bridge", "-p", "8080:80", "--memory=64m", "busybox", "echo", "x y"});
  Json plan = Json::parse(output.out, nullptr, false);
  ASSERT_TRUE(plan.is_object()) << output;
  EXPECT_EQ(output.code, 0);
  EXPECT_EQ(output.err, "");
  EXPECT_EQ(plan["spec"]["process"]["args"], (Json{"echo", "x y"}));
  EXPECT_EQ(plan["image"]["name"], "docker.io/library/busybox:latest");
  EXPECT_EQ(plan["image"]["import"], stage->dir() + "/p/share/rcrt/images/busybox.tar");
  EXPECT_EQ(plan["spec"]["linux"]["resources"]["memory"]["limit"], 64 << 20);
  EXPECT_EQ(plan["plugins"].size(), 4u) << plan["plugins"];
  EXPECT_EQ(explain({"busybox"}).code, 0);
  EXPECT_EQ(explain({"--user", "1000:1000", "busybox"}).code, 0);
  expect_refused(explain({"--user", "nobody", "busybox"}), "give numbers");
  expect_refused(explain({"no-such-image", "true"}), "no-such-image");
  EXPECT_NE(access(root.c_str(), F_OK), 0);
  EXPECT_NE(access(state.c_str(), F_OK), 0);
  // Where the image is, its users are known.
  plan = Json::parse(run({"run", "--explain", "--user", "nobody", "busybox"}).out, nullptr, false);
  EXPECT_EQ(plan["spec"]["process"]["user"]["uid"], 65534);
  EXPECT_EQ(plan["image"]["id"].get<std::string>().size(), 71u);
}

TEST_F(RunTest, KeepsARootOfItsOwn) {
  EXPECT_EQ(sh({}, "echo changed >/etc/passwd; cat /etc/passwd").out, "changed\n");
  EXPECT_THAT(sh({}, "cat /etc/passwd").out, HasSubstr("root:x:0:0"));
}

TEST_F(RunTest, TakesGlobalOptionsOnEitherSide) {
  EXPECT_EQ(run({"--net=none", "--isolation=seccomp", "run", "--rm", "busybox", "true"}).code, 0);
  EXPECT_EQ(run({"run", "--net=none", "--isolation", "seccomp", "--rm", "busybox", "true"}).code, 0);
}

}  // namespace
}  // namespace rcrt::test
