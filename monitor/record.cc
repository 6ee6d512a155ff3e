// SPDX-License-Identifier: MIT
#include <sys/wait.h>

#include "launch/number.h"
#include "monitor/monitor.h"

namespace rcrt::monitor {
namespace {

using launch::append_number;

struct Text {
  char data[256];
  size_t size = 0;

  void add(const char* text) {
    while (*text != '\0' && size < sizeof data) data[size++] = *text++;
  }
  void add(int64_t number) {
    char digits[24];
    append_number(digits, number);
    add(digits);
  }
};

// "oom_kill N" with N > 0: the kernel killed a process of this very cgroup for memory.
bool oom_killed(int cgroup) {
  if (cgroup < 0) return false;
  int fd = sys::openat(cgroup, "memory.events.local", O_RDONLY | O_CLOEXEC);
  if (fd == -ENOENT) fd = sys::openat(cgroup, "memory.events", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;  // no memory controller here
  char text[512];
  long size = sys::read(fd, text, sizeof text);
  sys::close(fd);
  constexpr char kKey[] = "oom_kill ";
  constexpr long kLength = sizeof kKey - 1;
  for (long line = 0; line + kLength < size;) {
    if (memcmp(text + line, kKey, kLength) == 0) return text[line + kLength] != '0';
    while (line < size && text[line] != '\n') ++line;
    ++line;
  }
  return false;
}

}  // namespace

Exit collect(const Monitor& monitor) {
  Exit exit;
  int status = 0;
  while (sys::wait4(monitor.pid, &status, __WALL) == -EINTR) {
  }
  timespec now = {};
  sys::call(SYS_clock_gettime, CLOCK_REALTIME, sys::arg(&now));
  exit.finished_at = now.tv_sec * 1000000000L + now.tv_nsec;
  if (WIFSIGNALED(status)) {
    exit.signal = WTERMSIG(status);
    exit.code = 128 + exit.signal;
  } else {
    exit.code = WEXITSTATUS(status);
  }
  exit.oom_killed = oom_killed(monitor.cgroup);
  return exit;
}

void write_record(const Monitor& monitor, const Exit& exit) {
  const char* path = monitor.string(monitor.plan->exit_path);
  const char* temporary = monitor.string(monitor.plan->exit_temporary);
  if (path == nullptr) return;
  Text text;
  text.add("{\"exitCode\":");
  text.add(exit.code);
  text.add(",\"signal\":");
  text.add(exit.signal);
  text.add(",\"oomKilled\":");
  text.add(exit.oom_killed ? "true" : "false");
  text.add(",\"finishedAt\":");
  text.add(exit.finished_at);
  text.add("}\n");
  int fd = sys::openat(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return;  // the folder is gone: nobody is left to read it
  bool whole = sys::write(fd, text.data, text.size) == static_cast<long>(text.size);
  sys::close(fd);
  if (whole) sys::renameat(AT_FDCWD, temporary, AT_FDCWD, path);
}

void report_exit(const Monitor& monitor, const Exit& exit) {
  if (monitor.client < 0) return;
  launch::ExitedMessage message = {Kind::kExited, exit.code, exit.signal, exit.oom_killed, exit.finished_at};
  launch::send_message(monitor.client, &message, sizeof message);
  sys::call(SYS_sched_yield);  // where the kernel wakes the client on our CPU, it is the client's turn
}

}  // namespace rcrt::monitor
