// SPDX-License-Identifier: MIT
// --init: process 1 stays ours, forwards signals to the command and reaps what is left
// behind. It has the command's own user, capabilities and filter.
#include <asm/ioctls.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "launch/child.h"

namespace rcrt::launch {
namespace {

constexpr uint64_t bit(int signal) { return 1ULL << (signal - 1); }

// Reaps everything that has ended; exits with the command's status when it is among them.
void reap(int command) {
  for (;;) {
    int status = 0;
    int pid = sys::wait4(-1, &status, WNOHANG);
    if (pid <= 0) return;
    if (pid != command) continue;
    sys::exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  }
}

}  // namespace

void fork_below_init(const Child& child) {
  // Faults must still end us; all else waits for sigtimedwait.
  constexpr uint64_t kFaults =
      bit(SIGSEGV) | bit(SIGBUS) | bit(SIGILL) | bit(SIGFPE) | bit(SIGSYS) | bit(SIGTRAP);
  sys::sigprocmask(SIG_SETMASK, ~kFaults);
  int command = sys::call(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (command < 0) fail(child, Stage::kInit, command);
  if (command == 0) {
    if (child.has(plan::Plan::kTerminal)) {
      // The command leads the foreground group, so that a ^C reaches it once, not twice.
      int self = 0;
      sys::call(SYS_setpgid, 0, 0);
      self = sys::getpid();
      sys::ioctl(0, TIOCSPGRP, sys::arg(&self));
    }
    sys::sigprocmask(SIG_SETMASK, 0);
    return;
  }
  // Closing the socket lets the client see the command's own exec.
  sys::close_range(3, ~0U, 0);
  sys::prctl(PR_SET_NAME, reinterpret_cast<unsigned long>("init"));
  sys::call(SYS_munmap, sys::arg(child.plan), child.plan->size);
  for (;;) {
    uint64_t all = ~0ULL;
    int signal = sys::call(SYS_rt_sigtimedwait, sys::arg(&all), 0, 0, 8);
    if (signal == SIGCHLD) {
      reap(command);
    } else if (signal > 0 && !(kFaults & bit(signal))) {
      sys::kill(command, signal);
    }
  }
}

}  // namespace rcrt::launch
