// SPDX-License-Identifier: MIT
// The terminal, logs, and what happens when the client dies.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <functional>

#include "tests/launch/container.h"

namespace rcrt::test {
namespace {

using ::testing::HasSubstr;

class Monitor : public LaunchTest {
 protected:
  // Orphans come to us, so that a test sees its monitor end.
  void SetUp() override {
    LaunchTest::SetUp();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
  }

  static std::string read_all(int fd) {
    std::string text;
    char buffer[512];
    for (ssize_t got; (got = read(fd, buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<size_t>(got));
    return text;
  }

  // Runs `client` in a process of its own, which is killed when it calls die().
  static void in_client(const std::function<void()>& client) {
    pid_t pid = fork();
    if (pid == 0) {
      client();
      _exit(99);
    }
    int status = 0;
    ASSERT_EQ(pid, waitpid(pid, &status, 0));
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
  }
  [[noreturn]] static void die() {
    kill(getpid(), SIGKILL);
    _exit(98);
  }

  // Waits for every process we have inherited: the monitor, or the clean-up in its place.
  static void wait_for_orphans() {
    while (waitpid(-1, nullptr, 0) > 0) {
    }
  }

  LaunchRequest with_cleanup(Json config) {
    LaunchRequest request = this->request(std::move(config));
    request.cleanup_command = {
        "/bin/busybox", "sh", "-c",
        "env > '" + folder() + "/cleaned'; ls -l /proc/self/fd >> '" + folder() + "/cleaned'"};
    return request;
  }
  bool cleaned() const { return access((folder() + "/cleaned").c_str(), F_OK) == 0; }
};

TEST_F(Monitor, TerminalSizeAndController) {
  Json config = spec(
      {"sh", "-c", "tty; stty size; test -c /dev/console && echo console; stat -c %a /dev/console; cat"});
  config["process"]["terminal"] = true;
  config["process"]["consoleSize"] = {{"height", 33}, {"width", 77}};
  auto launcher = Launcher::start(monitor_path());
  auto process = launcher->commit(request(config));
  ASSERT_TRUE(process) << process.error().message();
  auto gone = launcher->go();
  ASSERT_TRUE(gone) << gone.error().message();
  ASSERT_GE(launcher->console(), 0);
  winsize size = {50, 100, 0, 0};
  ASSERT_EQ(0, ioctl(launcher->console(), TIOCSWINSZ, &size));
  ASSERT_EQ(1, write(launcher->console(), "\x04", 1));  // the end of cat's input
  std::string out = read_all(launcher->console());
  EXPECT_THAT(out, HasSubstr("/dev/pts/0\r\n"));
  EXPECT_THAT(out, ::testing::AnyOf(HasSubstr("33 77\r\n"), HasSubstr("50 100\r\n")));
  EXPECT_THAT(out, HasSubstr("console\r\n620\r\n"));
  EXPECT_EQ(0, launcher->wait()->exit_code);
  launcher->cleaned_up();
}

TEST_F(Monitor, ItIsAsItsCallerOnceTheContainerRuns) {
  auto launcher = Launcher::start(monitor_path());
  auto process = launcher->commit(request(spec({"sleep", "1000"})));
  ASSERT_TRUE(process);
  ASSERT_TRUE(launcher->go());
  const pid_t pid = launcher->monitor_pid();
  // It hears of "go" after the process has.
  for (int i = 0; i < 500 && sched_getscheduler(pid) != SCHED_OTHER; ++i) usleep(10'000);
  EXPECT_EQ(SCHED_OTHER, sched_getscheduler(pid));
  cpu_set_t ours, its;
  ASSERT_EQ(0, sched_getaffinity(0, sizeof ours, &ours));
  ASSERT_EQ(0, sched_getaffinity(pid, sizeof its, &its));
  EXPECT_TRUE(CPU_EQUAL(&ours, &its));
  kill((*process)->pid, SIGKILL);
  EXPECT_EQ(137, launcher->wait()->exit_code);
  launcher->cleaned_up();
}

TEST_F(Monitor, ControlCReachesTheContainer) {
  for (bool init : {false, true}) {
    Json config =
        spec({"sh", "-c", "trap 'echo once; exit 5' INT; echo ready; while :; do sleep 0.01; done"});
    config["process"]["terminal"] = true;
    LaunchRequest request = this->request(config);
    request.init = init;
    auto launcher = Launcher::start(monitor_path());
    ASSERT_TRUE(launcher->commit(std::move(request)));
    ASSERT_TRUE(launcher->go());
    std::string out;
    char byte;
    while (out.find("ready") == std::string::npos && read(launcher->console(), &byte, 1) == 1) out += byte;
    ASSERT_EQ(1, write(launcher->console(), "\x03", 1));
    out += read_all(launcher->console());
    EXPECT_THAT(out, HasSubstr("once"));
    EXPECT_EQ(5, launcher->wait()->exit_code);
    launcher->cleaned_up();
  }
}

TEST_F(Monitor, ImageCannotFakeTheTerminal) {
  Json config = spec({"true"});
  config["process"]["terminal"] = true;
  // No devpts mount: what the image has in /dev/pts is not a terminal.
  config["mounts"].erase(2);
  EXPECT_THAT(run(config).error, HasSubstr("cannot set up the terminal"));
  mkdir((root() + "/dev").c_str(), 0755);
  mkdir((root() + "/dev/pts").c_str(), 0755);
  write_file(root() + "/dev/pts/ptmx", "");
  config["mounts"].erase(1);
  EXPECT_THAT(run(config).error, HasSubstr("it is not devpts's multiplexer"));
}

TEST_F(Monitor, LogAndClientBothGetTheOutput) {
  int ends[2];
  ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
  LaunchRequest request = this->request(
      spec({"sh", "-c", "echo out; echo err >&2; dd if=/dev/zero bs=1000 count=300 2>/dev/null"}));
  request.log_path = folder() + "/log";
  request.stdio[1] = ends[1];
  request.stdio[2] = ends[1];
  auto launcher = Launcher::start(monitor_path());
  ASSERT_TRUE(launcher->commit(std::move(request)));
  close(ends[1]);
  ASSERT_TRUE(launcher->go());
  // More than a pipe holds: the exit is reported only after all of it was passed on.
  std::string seen;
  char buffer[4096];
  while (seen.size() < 300008) {
    ssize_t got = read(ends[0], buffer, sizeof buffer);
    ASSERT_GT(got, 0);
    seen.append(buffer, static_cast<size_t>(got));
  }
  EXPECT_EQ(0, launcher->wait()->exit_code);
  launcher->cleaned_up();
  EXPECT_EQ(300008U, seen.size());
  EXPECT_EQ(300008U, read_file(folder() + "/log").size());
  EXPECT_THAT(seen, HasSubstr("out\n"));
  EXPECT_THAT(seen, HasSubstr("err\n"));
  struct stat status;
  ASSERT_EQ(0, stat((folder() + "/log").c_str(), &status));
  EXPECT_EQ(0600U, status.st_mode & 0777U);
  close(ends[0]);
}

TEST_F(Monitor, DetachedTerminalIsDrainedIntoTheLog) {
  Json config = spec({"sh", "-c", "dd if=/dev/zero bs=1000 count=100 2>/dev/null; echo end"});
  config["process"]["terminal"] = true;
  in_client([&] {
    LaunchRequest request = with_cleanup(config);
    request.attached = false;
    request.log_path = folder() + "/log";
    auto launcher = Launcher::start(monitor_path());
    if (launcher->commit(std::move(request)) && launcher->go() && launcher->console() == -1) die();
  });
  wait_for_orphans();
  std::string log = read_file(folder() + "/log");
  EXPECT_EQ(100005U, log.size());
  EXPECT_THAT(log.substr(100000), "end\r\n");
  EXPECT_TRUE(cleaned());
}

TEST_F(Monitor, ClientKilledBeforeCommitLeavesNothing) {
  in_client([&] {
    auto launcher = Launcher::start(monitor_path());
    if (launcher) die();
  });
  wait_for_orphans();
  EXPECT_FALSE(cleaned());
}

TEST_F(Monitor, ClientKilledBeforeGoTakesTheContainerDown) {
  in_client([&] {
    auto launcher = Launcher::start(monitor_path());
    if (launcher->commit(with_cleanup(spec({"touch", "/started"})))) die();
  });
  wait_for_orphans();
  EXPECT_TRUE(cleaned());
  EXPECT_NE(0, access((root() + "/started").c_str(), F_OK));
  EXPECT_FALSE(read_exit_record(exit_path()));  // it never was
}

TEST_F(Monitor, ClientKilledAfterGoLeavesTheContainerRunning) {
  int ends[2];
  ASSERT_EQ(0, pipe(ends));
  in_client([&] {
    LaunchRequest request = with_cleanup(spec({"sh", "-c", "cat; exit 3"}));
    request.stdio[0] = ends[0];
    request.log_path = folder() + "/log";
    auto launcher = Launcher::start(monitor_path());
    if (launcher->commit(std::move(request)) && launcher->go()) die();
  });
  close(ends[0]);
  EXPECT_FALSE(cleaned());
  EXPECT_FALSE(read_exit_record(exit_path()));
  ASSERT_EQ(6, write(ends[1], "later\n", 6));
  close(ends[1]);
  wait_for_orphans();
  EXPECT_EQ("later\n", read_file(folder() + "/log"));
  auto record = read_exit_record(exit_path());
  ASSERT_TRUE(record) << record.error().message();
  EXPECT_EQ(3, record->exit_code);
  EXPECT_TRUE(cleaned());
}

TEST_F(Monitor, CleanupStartsWithACleanEnvironmentAndNoDescriptors) {
  setenv("RCRT_TEST_SECRET", "secret", 1);
  in_client([&] {
    auto launcher = Launcher::start(monitor_path());
    if (launcher->commit(with_cleanup(spec({"true"}))) && launcher->go() && launcher->wait()) die();
  });
  unsetenv("RCRT_TEST_SECRET");
  wait_for_orphans();
  std::string text = read_file(folder() + "/cleaned");
  EXPECT_THAT(text, HasSubstr("PATH=/usr/local/sbin"));
  EXPECT_EQ(std::string::npos, text.find("secret"));
  EXPECT_EQ(std::string::npos, text.find(" 4 -> ")) << text;  // 3 is ls's own
}

TEST_F(Monitor, CleanedUpEndsTheMonitorWithoutTheCommand) {
  in_client([&] {
    auto launcher = Launcher::start(monitor_path());
    if (!launcher->commit(with_cleanup(spec({"true"}))) || !launcher->go() || !launcher->wait()) _exit(97);
    launcher->cleaned_up();
    die();
  });
  wait_for_orphans();
  EXPECT_FALSE(cleaned());
}

TEST_F(Monitor, FailedStartCleansUpToo) {
  in_client([&] {
    auto launcher = Launcher::start(monitor_path());
    if (launcher->commit(with_cleanup(spec({"no-such-command"}))) && !launcher->go()) die();
  });
  wait_for_orphans();
  EXPECT_TRUE(cleaned());
  EXPECT_EQ(127, read_exit_record(exit_path())->exit_code);
}

TEST_F(Monitor, ExitEventIsPollable) {
  auto launcher = Launcher::start(monitor_path());
  ASSERT_TRUE(launcher->commit(request(spec({"true"}))));
  ASSERT_TRUE(launcher->go());
  pollfd ready = {launcher->exit_event(), POLLIN, 0};
  ASSERT_EQ(1, poll(&ready, 1, -1));
  EXPECT_EQ(0, launcher->wait()->exit_code);
  launcher->cleaned_up();
}

}  // namespace
}  // namespace rcrt::test
