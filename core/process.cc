// SPDX-License-Identifier: MIT
#include "core/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace rcrt {

namespace {

struct Stat {
  char state = 'X';
  uint64_t flags = 0, start_time = 0;
};

Stat read_stat(pid_t pid) {
  Stat stat;
  if (pid <= 0) return stat;
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  char text[1024];
  ssize_t length = fd ? read(fd.get(), text, sizeof text - 1) : -1;
  if (length <= 0) return stat;
  text[length] = '\0';
  // The name in parentheses may hold anything, also ')' and spaces: fields count after the last ')'.
  char* field = strrchr(text, ')');
  if (field == nullptr || field[1] != ' ') return stat;
  field += 2;
  const char state = *field;
  for (int number = 3; number < 22; ++number) {
    if (number == 9) stat.flags = strtoull(field, nullptr, 10);
    field = strchr(field, ' ');
    if (field == nullptr) return {};
    ++field;
  }
  stat.state = state;
  stat.start_time = strtoull(field, nullptr, 10);
  return stat;
}

}  // namespace

uint64_t process_start_time(pid_t pid) {
  const Stat stat = read_stat(pid);
  return stat.state == 'Z' || stat.state == 'X' ? 0 : stat.start_time;
}

bool never_executed(pid_t pid) {
  constexpr uint64_t kForkNoExec = 0x40;  // PF_FORKNOEXEC of the kernel's linux/sched.h
  return (read_stat(pid).flags & kForkNoExec) != 0;
}

UniqueFd open_process(pid_t pid, uint64_t start_time) {
  if (pid <= 0 || start_time == 0) return UniqueFd();
  UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  // Opened first, compared after: the pid cannot change hands in between.
  if (!fd || process_start_time(pid) != start_time) return UniqueFd();
  return fd;
}

bool wait_for_end(int pidfd, int timeout_ms) {
  pollfd entry{pidfd, POLLIN, 0};
  for (;;) {
    int ready = poll(&entry, 1, timeout_ms);
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return false;
  }
}

Result<void> send_signal(int pidfd, int signal) {
  if (syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) != 0)
    return errno_error("cannot send signal", std::to_string(signal));
  return {};
}

std::optional<CpuChoice> choose_cpus() {
  CpuChoice choice;
  const int ours = sched_getcpu();
  if (ours < 0 || sched_getaffinity(0, sizeof choice.allowed, &choice.allowed) != 0) return {};
  choice.others = choice.allowed;
  CPU_ZERO(&choice.ours);
  if (ours < CPU_SETSIZE) {
    CPU_SET(ours, &choice.ours);
    CPU_CLR(ours, &choice.others);
  }
  return CPU_COUNT(&choice.others) == 0 ? std::nullopt : std::optional(choice);
}

std::string boot_id() {
  UniqueFd fd(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  char text[64];
  ssize_t length = fd ? read(fd.get(), text, sizeof text) : -1;
  while (length > 0 && text[length - 1] == '\n') --length;
  return length > 0 ? std::string(text, static_cast<size_t>(length)) : std::string();
}

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace rcrt
