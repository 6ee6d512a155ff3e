// SPDX-License-Identifier: MIT
#include "tests/e2e/spy.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <set>

namespace rcrt::test {
namespace {

class Lines {
 public:
  explicit Lines(int report) : report_(report) {}
  void add(const std::string& line) {
    if (!told_.insert(line).second) return;
    const std::string text = line + "\n";
    if (write(report_, text.data(), text.size()) < 0) _exit(1);
  }

 private:
  int report_;
  std::set<std::string> told_;
};

bool is_denied() { return errno == EACCES || errno == EPERM; }

void look_at_descriptors(pid_t pid, Lines& lines) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
  DIR* stream = opendir(folder.c_str());
  if (stream == nullptr) {
    if (is_denied()) lines.add("denied");
    return;
  }
  while (const dirent* entry = readdir(stream)) {
    if (entry->d_name[0] == '.') continue;
    char target[256];
    const ssize_t size = readlink((folder + "/" + entry->d_name).c_str(), target, sizeof target);
    if (size < 0) {
      if (is_denied()) lines.add("denied");
      continue;
    }
    const std::string link(target, static_cast<size_t>(size));
    if (!link.starts_with("pipe:[") && link != "/dev/null") lines.add(link);
  }
  closedir(stream);
}

void look_as_debugger(pid_t pid, Lines& lines) {
  if (ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) {
    if (is_denied()) lines.add("denied");
    return;
  }
  look_at_descriptors(pid, lines);
  if (ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) != 0) return;
  int status = 0;
  if (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
    ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
}

[[noreturn]] void look_until_closed(pid_t target, int report, int life) {
  const std::string spaces = "/proc/" + std::to_string(target) + "/ns/";
  const int pids = open((spaces + "pid").c_str(), O_RDONLY | O_CLOEXEC),
            mounts = open((spaces + "mnt").c_str(), O_RDONLY | O_CLOEXEC);
  if (setns(pids, CLONE_NEWPID) != 0 || setns(mounts, CLONE_NEWNS) != 0) _exit(1);
  if (const pid_t child = fork(); child != 0) {
    char byte;
    while (read(life, &byte, 1) < 0 && errno == EINTR) {
    }
    // Reaped here: until then the container's pid namespace cannot end.
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    _exit(0);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {{0xa80425fb, 0xa80425fb, 0}, {0, 0, 0}};
  if (syscall(SYS_capset, &header, sets) != 0) _exit(1);
  for (Lines lines(report);;)
    for (pid_t pid = 2; pid < 400; ++pid) {
      if (pid == getpid() || kill(pid, 0) != 0) continue;
      look_at_descriptors(pid, lines);
      look_as_debugger(pid, lines);
    }
}

}  // namespace

Spy::Spy(pid_t target) {
  int words[2], life[2];
  if (pipe2(words, O_NONBLOCK | O_CLOEXEC) != 0 || pipe2(life, O_CLOEXEC) != 0) return;
  pid_ = fork();
  if (pid_ == 0) {
    close(life[1]);
    look_until_closed(target, words[1], life[0]);
  }
  close(words[1]);
  close(life[0]);
  report_ = words[0];
  life_ = life[1];
}

Spy::~Spy() {
  close(life_);
  waitpid(pid_, nullptr, 0);
  close(report_);
}

const std::string& Spy::seen() {
  char text[4096];
  const ssize_t size = read(report_, text, sizeof text);
  if (size > 0) seen_.append(text, static_cast<size_t>(size));
  return seen_;
}

}  // namespace rcrt::test
