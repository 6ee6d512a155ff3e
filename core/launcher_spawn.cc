// SPDX-License-Identifier: MIT
#include "core/launcher_spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "core/launcher_request.h"
#include "core/process.h"
#include "launch/protocol.h"
#include "launch/sys.h"

namespace rcrt {
namespace {

// A container whose command is /proc/self/exe executes our monitor, and could then open
// /proc/<pid>/exe for writing and change the machine's file. So the monitor is executed
// from a detached mount of its own that is read-only: the kernel refuses such an open, in
// whatever namespace and with whatever capability, and the mount is out of reach for a
// remount. It goes away with the last process that executes from it. Costs 10 us.
Result<UniqueFd> readonly_executable(const std::string& path) {
  UniqueFd tree(
      static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!tree)
    return errno_error("cannot open rcrt-monitor", path,
                       errno == EPERM ? "rcrt must run as root" : "reinstall rcrt");
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  attributes.attr_clr = MOUNT_ATTR_NOEXEC;
  attributes.propagation = 1 << 18;  // MS_PRIVATE
  if (syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
    return errno_error("cannot protect rcrt-monitor", path);
  return tree;
}

// Above the numbers the monitor is given, so that nothing is overwritten on the way.
Result<UniqueFd> lift(UniqueFd fd) {
  if (fd.get() > launch::kExecutableFd) return fd;
  UniqueFd above(fcntl(fd.get(), F_DUPFD_CLOEXEC, launch::kExecutableFd + 1));
  if (!above) return errno_error("cannot duplicate a descriptor");
  return above;
}

}  // namespace

// Shared with the child until it executes.
struct MonitorStart {
  int executable = -1, socket = -1, null = -1;
  char name[16] = "rcrt-monitor";
  char* argv[2] = {name, nullptr};
  std::string fault;
  char* envp[2] = {nullptr, nullptr};
  volatile int error = 0;
  alignas(16) char stack[16384];
};

namespace {

// Runs beside us in our memory: system calls only, and not even errno.
[[gnu::no_sanitize("address", "undefined")]] int execute_monitor(void* argument) {
  auto& start = *static_cast<MonitorStart*>(argument);
  sys::call(SYS_setsid);
  long result = sys::chdir("/");
  if (result >= 0) result = sys::dup3(start.socket, launch::kControlFd, 0);
  if (result >= 0) result = sys::dup3(start.executable, launch::kExecutableFd, 0);
  for (int stream = 0; stream < 3; ++stream)
    if (result >= 0) result = sys::dup3(start.null, stream, 0);
  if (result >= 0) result = sys::close_range(launch::kExecutableFd + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  if (result >= 0)
    result = sys::call(SYS_execveat, launch::kExecutableFd, sys::arg(""), sys::arg(start.argv),
                       sys::arg(start.envp), AT_EMPTY_PATH);
  start.error = static_cast<int>(-result);
  sys::exit(125);
}

}  // namespace

Result<SpawnedMonitor> spawn_monitor(const std::string& path, uint64_t expected) {
  RCRT_ASSIGN(UniqueFd executable, readonly_executable(path));
  RCRT_ASSIGN(executable, lift(std::move(executable)));
  SpawnedMonitor monitor;
  UniqueFd theirs;
  RCRT_TRY(make_socket_pair(monitor.control, theirs));
  if (expected != 0) {
    const launch::CloneMessage message = {launch::Kind::kAhead, 0, expected};
    if (send(monitor.control.get(), &message, sizeof message, MSG_NOSIGNAL) < 0)
      return errno_error("cannot speak to rcrt-monitor");
  }
  RCRT_ASSIGN(theirs, lift(std::move(theirs)));
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return errno_error("cannot open", "/dev/null");
  RCRT_ASSIGN(null, lift(std::move(null)));

  MonitorStart& start = *new MonitorStart;
  monitor.start = &start;
  start.executable = executable.get();
  start.socket = theirs.get();
  start.null = null.get();
  if (const char* at = fault_setting("RCRT_MONITOR_FAULT_AT")) {
    start.fault = std::string("RCRT_MONITOR_FAULT_AT=") + at;
    start.envp[0] = start.fault.data();
  }
  fault_point("launcher.spawn.before");
  // As vfork(2), but we go on meanwhile. A handler of ours must not run in the child.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  monitor.pid = clone(execute_monitor, start.stack + sizeof start.stack, CLONE_VM | SIGCHLD, &start);
  int code = errno;
  if (auto cpus = choose_cpus();
      cpus && monitor.pid > 0 && sched_setaffinity(monitor.pid, sizeof cpus->others, &cpus->others) == 0)
    monitor.cpus = cpus->allowed;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  fault_point("launcher.spawn.after");
  errno = code;
  if (monitor.pid < 0) return errno_error("cannot start rcrt-monitor", path);
  return monitor;
}

void allow_all_cpus(SpawnedMonitor& monitor) {
  if (!monitor.cpus) return;
  sched_setaffinity(monitor.pid, sizeof *monitor.cpus, &*monitor.cpus);
  monitor.cpus.reset();
}

std::unexpected<Error> lost_monitor(const SpawnedMonitor& monitor, const char* what) {
  if (monitor.start && monitor.start->error != 0)
    return error("cannot execute rcrt-monitor", {}, "reinstall rcrt", monitor.start->error);
  return error(what);
}

}  // namespace rcrt
