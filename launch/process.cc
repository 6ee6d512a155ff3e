// SPDX-License-Identifier: MIT
// What the process takes along: streams, limits, scheduling, working directory.
#include <asm/ioctls.h>
#include <limits.h>
#include <sys/stat.h>

#include "launch/child.h"

namespace rcrt::launch {
namespace {

const char* rlimit_name(uint64_t resource) {
  static constexpr const char* kNames[] = {
      "RLIMIT_CPU",      "RLIMIT_FSIZE", "RLIMIT_DATA",   "RLIMIT_STACK",
      "RLIMIT_CORE",     "RLIMIT_RSS",   "RLIMIT_NPROC",  "RLIMIT_NOFILE",
      "RLIMIT_MEMLOCK",  "RLIMIT_AS",    "RLIMIT_LOCKS",  "RLIMIT_SIGPENDING",
      "RLIMIT_MSGQUEUE", "RLIMIT_NICE",  "RLIMIT_RTPRIO", "RLIMIT_RTTIME"};
  return resource < 16 ? kNames[resource] : "RLIMIT";
}

// A pipe keeps its maker's ownership; the user of the container must be able to open
// /dev/stdout again. Other descriptors are the caller's own and stay as they are.
void give_pipe(const Child& child, int fd) {
  struct statx status;
  if (sys::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) < 0) return;
  if ((status.stx_mode & S_IFMT) != S_IFIFO || status.stx_uid == child.plan->uid) return;
  sys::fchownat(fd, "", child.plan->uid, ~0U, AT_EMPTY_PATH);  // not fatal: the file system may refuse
}

// The container's /dev/null when it is one, else the machine's, which 0 is.
int open_null() {
  int fd = sys::openat(AT_FDCWD, "/dev/null", O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -1;
  struct statx status;
  if (sys::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) == 0 &&
      (status.stx_mode & S_IFMT) == S_IFCHR && status.stx_rdev_major == 1 && status.stx_rdev_minor == 3) {
    sys::fcntl(fd, F_SETFL, O_RDWR);
    return fd;
  }
  sys::close(fd);
  return -1;
}

long set_affinity(const Child& child, plan::Table cpus) {
  if (cpus.count == 0) return 0;
  return sys::call(SYS_sched_setaffinity, 0, static_cast<long>(cpus.count * sizeof(uint64_t)),
                   sys::arg(child.table<uint64_t>(cpus)));
}

}  // namespace

void set_streams(const Child& child, int slave) {
  int null = -1;
  for (int stream = 0; stream < 3; ++stream) {
    int from = slave >= 0 ? slave : child.fd(child.plan->stdio[stream]);
    if (from < 0) {
      if (null < 0) null = open_null();
      from = null;
      if (from < 0) continue;
    } else if (slave < 0 && child.plan->uid != 0) {
      give_pipe(child, from);
    }
    if (int error = sys::dup3(from, stream, 0); error < 0) fail(child, Stage::kStdio, error);
  }
  if (slave >= 0)
    if (int error = sys::ioctl(0, TIOCSCTTY, 0); error < 0)
      fail(child, Stage::kConsole, error, "controlling terminal");
}

void set_limits(const Child& child) {
  struct Limit {
    uint64_t soft, hard;
  };
  auto* rlimits = child.table<plan::Rlimit>(child.plan->rlimits);
  for (uint32_t i = 0; i < child.plan->rlimits.count; ++i) {
    Limit now = {}, wanted = {rlimits[i].soft, rlimits[i].hard};
    long resource = static_cast<long>(rlimits[i].resource);
    if (sys::call(SYS_prlimit64, 0, resource, 0, sys::arg(&now)) == 0 && now.soft == wanted.soft &&
        now.hard == wanted.hard)
      continue;
    if (long error = sys::call(SYS_prlimit64, 0, resource, sys::arg(&wanted), 0); error < 0)
      fail(child, Stage::kRlimit, error, rlimit_name(rlimits[i].resource),
           error == -EPERM ? "raising a hard limit needs CAP_SYS_RESOURCE, which rcrt was started without"
                           : nullptr);
  }
  // Not an error: where its cpuset has none of the caller's CPUs, that alone counts.
  set_affinity(child, child.plan->caller_cpus);
  if (long error = set_affinity(child, child.plan->affinity); error < 0) fail(child, Stage::kAffinity, error);
  const plan::Table nodes = child.plan->memory_nodes;
  if (child.has(plan::Plan::kMemoryPolicy))
    // The kernel takes one bit less than it is told.
    if (long error = sys::call(SYS_set_mempolicy, child.plan->memory_policy,
                               nodes.count > 0 ? sys::arg(child.table<uint64_t>(nodes)) : 0,
                               nodes.count > 0 ? nodes.count * 64 + 1 : 0);
        error < 0)
      fail(child, Stage::kMemoryPolicy, error);
  if (child.has(plan::Plan::kScheduler))
    if (long error = sys::call(SYS_sched_setattr, 0, sys::arg(&child.plan->scheduler), 0); error < 0)
      fail(child, Stage::kScheduler, error);
  if (child.has(plan::Plan::kIoPriority))
    if (long error = sys::call(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, child.plan->io_priority);
        error < 0)
      fail(child, Stage::kIoPriority, error);
  if (child.has(plan::Plan::kPersonality))
    if (long error = sys::call(SYS_personality, child.plan->personality); error < 0)
      fail(child, Stage::kPersonality, error);
}

// First as root; if that may not search the folder (a FUSE mount of the user's), once more
// as the user. Magic links are refused, and so is a folder that is not below our root: no
// descriptor that leads outside can become the working directory.
void enter_working_directory(const Child& child, bool again) {
  const char* path = child.string(child.plan->cwd);
  char now[PATH_MAX];
  if (again) {
    long got = sys::getcwd(now, sizeof now);
    if (got > 0 && (now[1] != '\0' || path[1] == '\0')) return;  // the first attempt succeeded
  }
  int fd = sys::openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, RESOLVE_NO_MAGICLINKS);
  if (fd < 0) {
    if (fd == -EACCES && !again) return;
    fail(child, Stage::kWorkingDirectory, fd, path,
         fd == -ELOOP ? "it must not lead through /proc/self/fd or another magic link" : nullptr);
  }
  int error = sys::fchdir(fd);
  if (error == -EACCES && !again) {
    sys::close(fd);
    return;
  }
  if (error < 0) fail(child, Stage::kWorkingDirectory, error, path);
  sys::close(fd);
  long got = sys::getcwd(now, sizeof now);
  if (got < 0 && got != -ERANGE) fail(child, Stage::kWorkingDirectory, got, path);
  if (got >= 0 && now[0] != '/')
    fail(child, Stage::kWorkingDirectory, -EXDEV, path, "it is outside the root");
}

}  // namespace rcrt::launch
