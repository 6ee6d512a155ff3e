// SPDX-License-Identifier: MIT
// `rcrt run -t` on a real terminal of the test's own.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;

class Terminal {
 public:
  Terminal(Stage& stage, std::vector<std::string> args, winsize size) {
    if (openpty(&master_, &slave_, nullptr, nullptr, &size) != 0) abort();
    fcntl(master_, F_SETFD, FD_CLOEXEC);
    args.insert(args.begin(), {stage.program(), "--root", stage.root(), "--state", stage.state()});
    std::vector<char*> argv;
    for (auto& word : args) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    ioctl(slave_, TIOCSCTTY, 0);
    for (int fd : {0, 1, 2}) dup2(slave_, fd);
    close(slave_);
    execv(argv[0], argv.data());
    _exit(126);
  }
  ~Terminal() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(master_);
    close(slave_);
  }

  void type(const std::string& text) {
    EXPECT_EQ(write(master_, text.data(), text.size()), ssize_t(text.size()));
  }
  void resize(winsize size) { EXPECT_EQ(ioctl(master_, TIOCSWINSZ, &size), 0); }
  bool raw() const {
    termios modes{};
    tcgetattr(slave_, &modes);
    return (modes.c_lflag & (ICANON | ECHO | ISIG)) == 0;
  }
  // Reads until `text` has appeared once more; false after 20 s.
  bool wait_for(const std::string& text) {
    for (;;) {
      if (auto at = screen.find(text, seen_); at != std::string::npos) {
        seen_ = at + text.size();
        return true;
      }
      pollfd ready{master_, POLLIN, 0};
      char buffer[4096];
      ssize_t n = poll(&ready, 1, 20'000) == 1 ? read(master_, buffer, sizeof buffer) : -1;
      if (n <= 0) return false;
      screen.append(buffer, static_cast<size_t>(n));
    }
  }
  int finish() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  std::string screen;

 private:
  int master_ = -1, slave_ = -1;
  pid_t pid_ = -1;
  size_t seen_ = 0;
};

class TtyTest : public StageTest {};

TEST_F(TtyTest, HasSizeResizeAndRawMode) {
  Terminal terminal(*stage, {"run", "--rm", "-it", "busybox", "sh"}, {33, 77, 0, 0});
  ASSERT_TRUE(terminal.wait_for("# ")) << terminal.screen;
  EXPECT_TRUE(terminal.raw());
  terminal.type("stty size; tty\r");
  EXPECT_TRUE(terminal.wait_for("33 77")) << terminal.screen;
  EXPECT_TRUE(terminal.wait_for("/dev/pts/0")) << terminal.screen;
  terminal.resize({40, 101, 0, 0});
  EXPECT_TRUE(eventually([&] {
    terminal.type("stty size; echo do''ne\r");
    auto from = terminal.screen.size();
    return terminal.wait_for("done") && terminal.screen.find("40 101", from) != std::string::npos;
  })) << terminal.screen;
  terminal.type("exit 5\r");
  EXPECT_EQ(terminal.finish(), 5);
  EXPECT_FALSE(terminal.raw());
}

TEST_F(TtyTest, KeysReachTheContainerNotTheClient) {
  Terminal terminal(*stage,
                    {"run", "--rm", "-i", "-t", "busybox", "sh", "-c",
                     "trap 'echo inter''rupted; exit 6' INT; echo re''ady; while :; do sleep 0.05; done"},
                    {24, 80, 0, 0});
  ASSERT_TRUE(terminal.wait_for("ready")) << terminal.screen;
  terminal.type("\x03");
  EXPECT_TRUE(terminal.wait_for("interrupted")) << terminal.screen;
  EXPECT_EQ(terminal.finish(), 6);
}

TEST_F(TtyTest, GivesTheTerminalBackWhenItIsKilledByASignalToTheContainer) {
  Terminal terminal(*stage, {"run", "--rm", "--name", "killed", "-it", "busybox", "sh"}, {24, 80, 0, 0});
  ASSERT_TRUE(terminal.wait_for("# ")) << terminal.screen;
  ASSERT_TRUE(terminal.raw());
  EXPECT_EQ(run({"kill", "killed"}).code, 0);
  EXPECT_EQ(terminal.finish(), 128 + SIGKILL);
  EXPECT_FALSE(terminal.raw());
}

TEST_F(TtyTest, WithoutATerminalOfTheCaller) {
  Output output = box({"-t"}, {"sh", "-c", "tty; echo err >&2"});
  EXPECT_EQ(output.out, "/dev/pts/0\r\nerr\r\n") << output;
  EXPECT_EQ(output.code, 0);
  EXPECT_EQ(box({"-it"}, {"cat"}, "typed\n").out, "typed\r\ntyped\r\n");
}

TEST_F(TtyTest, DetachedOutputIsLogged) {
  ASSERT_EQ(run({"run", "-d", "-t", "--name", "logged", "busybox", "sh", "-c", "tty; seq 1 20000"}).code, 0);
  EXPECT_EQ(run({"wait", "logged"}).out, "0\n");
  std::string log = run({"logs", "logged"}).out;
  EXPECT_THAT(log.substr(0, 30), HasSubstr("/dev/pts/0\r\n"));
  EXPECT_THAT(log, HasSubstr("\n20000\r\n"));
  EXPECT_EQ(run({"rm", "logged"}).code, 0);
}

TEST_F(TtyTest, AttachedOutputIsLoggedToo) {
  EXPECT_EQ(run({"run", "-t", "--name", "seen", "busybox", "echo", "twice"}).out, "twice\r\n");
  EXPECT_EQ(run({"logs", "seen"}).out, "twice\r\n");
  EXPECT_EQ(run({"rm", "seen"}).code, 0);
}

TEST_F(TtyTest, ConsoleIsTheTerminal) {
  EXPECT_THAT(box({"-t"}, {"sh", "-c", "echo to console >/dev/console; ls -l /dev/console"}).out,
              HasSubstr("to console\r\n"));
}

}  // namespace
}  // namespace rcrt::test
