// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/launch/container.h"

namespace rcrt::test {
namespace {

using ::testing::HasSubstr;
class Run : public LaunchTest {};

TEST_F(Run, ExitCodesAndRecord) {
  EXPECT_EQ(0, run(spec({"true"})).exit_code);
  EXPECT_EQ(1, run(spec({"false"})).exit_code);
  Outcome outcome = run(spec({"sh", "-c", "exit 42"}));
  EXPECT_EQ("", outcome.error);
  EXPECT_EQ(42, outcome.exit.exit_code);
  EXPECT_EQ(0, outcome.exit.signal);
  EXPECT_FALSE(outcome.exit.oom_killed);
  auto record = read_exit_record(exit_path());
  ASSERT_TRUE(record) << record.error().message();
  EXPECT_EQ(42, record->exit_code);
  EXPECT_EQ(outcome.exit.finished_at, record->finished_at);
}

TEST_F(Run, NoRecordWhileItRuns) {
  auto record = read_exit_record(exit_path());
  ASSERT_FALSE(record);
  EXPECT_EQ(ENOENT, record.error().code);
}

TEST_F(Run, DeathBySignal) {
  // Process 1 of a pid namespace ignores its own signals: without that namespace.
  Json config = spec({"sh", "-c", "kill -TERM $$"});
  config["linux"]["namespaces"].erase(0);
  config["mounts"].erase(0);
  Outcome outcome = run(config);
  EXPECT_EQ("", outcome.error);
  EXPECT_EQ(SIGTERM, outcome.exit.signal);
  EXPECT_EQ(128 + SIGTERM, outcome.exit.exit_code);
}

TEST_F(Run, CommandNotInPath) {
  Outcome outcome = run(spec({"no-such-command"}));
  EXPECT_EQ(127, outcome.exit_code);
  EXPECT_EQ("cannot execute \"no-such-command\": executable file not found in $PATH", outcome.error);
}

TEST_F(Run, CommandByPathMissing) {
  Outcome outcome = run(spec({"/bin/no-such-command"}));
  EXPECT_EQ(127, outcome.exit_code);
  EXPECT_EQ("cannot execute \"/bin/no-such-command\": No such file or directory", outcome.error);
  EXPECT_EQ(127, read_exit_record(exit_path())->exit_code);
}

TEST_F(Run, MissingInterpreter) {
  write_file(root() + "/bin/script", "#!/no/such/interpreter\n", 0755);
  for (const char* name : {"script", "/bin/script"}) {
    Outcome outcome = run(spec({name}));
    EXPECT_EQ(127, outcome.exit_code);
    EXPECT_THAT(outcome.error, HasSubstr("interpreter"));
    EXPECT_THAT(outcome.error, HasSubstr("\"/bin/script\""));
  }
}

TEST_F(Run, NotExecutable) {
  write_file(root() + "/bin/plain", "text\n", 0644);
  write_file(root() + "/bin/garbage", "text\n", 0755);
  EXPECT_EQ(126, run(spec({"/bin/plain"})).exit_code);
  EXPECT_EQ(126, run(spec({"plain"})).exit_code);
  Outcome folder = run(spec({"/bin"}));
  EXPECT_EQ(126, folder.exit_code);
  EXPECT_THAT(folder.error, HasSubstr("it is a folder"));
  Outcome garbage = run(spec({"garbage"}));
  EXPECT_EQ(126, garbage.exit_code);
  EXPECT_THAT(garbage.error, HasSubstr("not a program of this machine"));
}

TEST_F(Run, EarlierPathEntryWithoutPermissionDoesNotHideLaterOne) {
  mkdir((root() + "/first").c_str(), 0755);
  write_file(root() + "/first/true", "", 0644);
  Json config = spec({"true"});
  config["process"]["env"] = {"PATH=/first:/bin"};
  EXPECT_EQ(0, run(config).exit_code);
}

TEST_F(Run, EnvironmentArgumentsAndWorkingDirectory) {
  Json config = spec({"sh", "-c", "echo $0 $1; echo $A; pwd", "zero", "one two"});
  config["process"]["env"].push_back("A=b c");
  config["process"]["cwd"] = "/made/for/this";
  EXPECT_EQ("zero one two\nb c\n/made/for/this\n", run(config).out);
}

TEST_F(Run, OnlyThreeDescriptors) {
  // One that is not closed on exec, as a careless caller has it.
  int leak = open("/", O_RDONLY | O_DIRECTORY);
  // ls itself has the folder it lists open as 3.
  EXPECT_EQ("0\n1\n2\n3\n", shell("ls /proc/self/fd"));
  EXPECT_EQ("0\n1\n2\n", shell("ls /proc/1/fd; :"));
  close(leak);
}

TEST_F(Run, MissingStreamsAreTheContainersNull) {
  EXPECT_EQ("/dev/null\n", shell("readlink /proc/self/fd/0"));
  EXPECT_EQ("same\n",
            shell("test $(stat -c %d:%i /dev/null) = $(stat -L -c %d:%i /proc/self/fd/0) && echo same"));
}

TEST_F(Run, StandardInput) {
  int ends[2];
  ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
  ASSERT_EQ(5, write(ends[1], "input", 5));
  close(ends[1]);
  LaunchRequest with_input = request(spec({"cat"}));
  with_input.stdio[0] = ends[0];
  EXPECT_EQ("input", run(std::move(with_input)).out);
  close(ends[0]);
}

TEST_F(Run, SignalsAreDefault) {
  // The kernel keeps ignored signals over exec; the caller may ignore any.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  std::string state = run(spec({"grep", "-E", "Sig(Ign|Blk)", "/proc/self/status"})).out;
  signal(SIGPIPE, SIG_DFL);
  signal(SIGCHLD, SIG_DFL);
  EXPECT_EQ("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", state);
}

TEST_F(Run, ConfigurationErrorsNameTheMember) {
  Json config = spec({"true"});
  config["mounts"][0]["type"] = "no-such-fs";
  Outcome outcome = run(config);
  EXPECT_EQ(125, outcome.exit_code);
  EXPECT_EQ("cannot mount \"/proc\": No such device: this kernel does not know the file system",
            outcome.error);
  config = spec({"true"});
  config["mounts"][1]["options"].push_back("size=nonsense");
  EXPECT_THAT(run(config).error, HasSubstr("tmpfs: Bad value for 'size'"));
}

TEST_F(Run, InitReapsForwardsAndReports) {
  LaunchRequest with_init = request(spec({"sh", "-c", "cat /proc/1/comm; echo $$; exit 7"}));
  with_init.init = true;
  Outcome outcome = run(std::move(with_init));
  EXPECT_EQ("", outcome.error);
  EXPECT_EQ("init\n2\n", outcome.out);
  EXPECT_EQ(7, outcome.exit_code);

  with_init = request(spec({"no-such-command"}));
  with_init.init = true;
  EXPECT_EQ(127, run(std::move(with_init)).exit_code);
}

TEST_F(Run, InitForwardsSignals) {
  int ends[2];
  ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
  LaunchRequest with_init =
      request(spec({"sh", "-c", "trap 'exit 9' TERM; echo; while :; do sleep 0.01; done"}));
  with_init.init = true;
  with_init.stdio[1] = ends[1];
  auto launcher = Launcher::start(monitor_path());
  ASSERT_TRUE(launcher) << launcher.error().message();
  auto process = launcher->commit(std::move(with_init));
  ASSERT_TRUE(process) << process.error().message();
  ASSERT_TRUE(launcher->go());
  char byte;
  ASSERT_EQ(1, read(ends[0], &byte, 1));
  ASSERT_EQ(0, kill((*process)->pid, SIGTERM));
  EXPECT_EQ(9, launcher->wait()->exit_code);
  launcher->cleaned_up();
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace rcrt::test
