// SPDX-License-Identifier: MIT
#include "core/launcher_spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/mount.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "launch/protocol.h"

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
  if (fd.get() > launch::kControlFd) return fd;
  UniqueFd above(fcntl(fd.get(), F_DUPFD_CLOEXEC, launch::kControlFd + 1));
  if (!above) return errno_error("cannot duplicate a descriptor");
  return above;
}

struct Spawn {
  int executable, socket, null;
  char* const* argv;
  char* const* envp;
  volatile int error;
};

// The vfork child shares our memory until it executes: system calls only.
[[gnu::noinline]] pid_t spawn(Spawn& spawn) {
  pid_t pid = vfork();
  if (pid != 0) return pid;
  setsid();
  bool ready = chdir("/") == 0 && dup2(spawn.socket, launch::kControlFd) >= 0;
  for (int stream = 0; stream < 3; ++stream) ready = ready && dup2(spawn.null, stream) >= 0;
  ready = ready && close_range(launch::kControlFd + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
  if (ready) syscall(SYS_execveat, spawn.executable, "", spawn.argv, spawn.envp, AT_EMPTY_PATH);
  spawn.error = errno;
  _exit(125);
}

}  // namespace

Result<SpawnedMonitor> spawn_monitor(const std::string& path) {
  RCRT_ASSIGN(UniqueFd executable, readonly_executable(path));
  RCRT_ASSIGN(executable, lift(std::move(executable)));
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return errno_error("cannot make a socket pair");
  UniqueFd ours(pair[0]), theirs(pair[1]);
  RCRT_ASSIGN(theirs, lift(std::move(theirs)));
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return errno_error("cannot open", "/dev/null");
  RCRT_ASSIGN(null, lift(std::move(null)));

  char name[] = "rcrt-monitor";
  char* argv[] = {name, nullptr};
  char* envp[] = {nullptr, nullptr};
#ifdef RCRT_FAULT_POINTS
  std::string fault;
  if (const char* at = getenv("RCRT_MONITOR_FAULT_AT")) fault = std::string("RCRT_MONITOR_FAULT_AT=") + at;
  if (!fault.empty()) envp[0] = fault.data();
#endif
  Spawn request = {executable.get(), theirs.get(), null.get(), argv, envp, 0};
  fault_point("launcher.spawn.before");
  // A handler of ours must not run in the child.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  pid_t pid = spawn(request);
  int code = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  fault_point("launcher.spawn.after");
  if (pid < 0 || request.error != 0) {
    errno = pid < 0 ? code : request.error;
    return errno_error("cannot execute rcrt-monitor", path);
  }
  return SpawnedMonitor{pid, std::move(ours)};
}

}  // namespace rcrt
