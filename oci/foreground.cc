// SPDX-License-Identifier: MIT
#include "oci/foreground.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "core/process.h"
#include "core/terminal.h"

namespace rcrt::oci {
namespace {

sigset_t forwarded_signals() {
  sigset_t set;
  sigfillset(&set);
  for (int signal : {SIGCHLD, SIGKILL, SIGSTOP, SIGPIPE, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP,
                     SIGSYS, SIGTTIN, SIGTTOU, SIGTSTP})
    sigdelset(&set, signal);
  return set;
}

void forward_signals(int signals, const Running& running) {
  signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGWINCH && running.console)
      copy_window_size(running.console.get());
    else
      (void)send_signal(running.pidfd.get(), static_cast<int>(info.ssi_signo));
  }
}

}  // namespace

void hold_signals() {
  sigset_t set = forwarded_signals();
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

Result<int> wait_in_foreground(Running& running) {
  sigset_t set = forwarded_signals();
  UniqueFd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return errno_error("cannot watch signals");
  const int console = running.console.get();
  RawTerminal raw(console >= 0 && isatty(0) == 1);
  if (console >= 0) {
    copy_window_size(console);
    fcntl(console, F_SETFL, fcntl(console, F_GETFL) | O_NONBLOCK);
  }
  enum { kSignals, kEnd, kConsole, kInput, kReadiness, kCount };
  pollfd fds[kCount] = {{signals.get(), POLLIN, 0},
                        {running.pidfd.get(), POLLIN, 0},
                        {console, POLLIN, 0},
                        {console >= 0 ? 0 : -1, POLLIN, 0},
                        {running.readiness.fd(), POLLIN, 0}};
  while (fds[kEnd].revents == 0) {
    if (poll(fds, kCount, -1) < 0) {
      if (errno == EINTR) continue;
      return errno_error("cannot wait for the container");
    }
    if (fds[kSignals].revents != 0) forward_signals(signals.get(), running);
    if (fds[kReadiness].revents != 0) {
      // The service's process remains ours; the container runs whether the manager hears of it or not.
      if (auto told = running.readiness.forward(0); !told)
        fprintf(stderr, "rcrt-oci: %s\n", told.error().message().c_str());
      fds[kReadiness].fd = running.readiness.fd();
    }
    if (fds[kConsole].revents != 0 && !copy_some(console, 1)) fds[kConsole].fd = -1;
    if (fds[kInput].revents != 0 && !copy_some(0, console)) {
      send_end_of_file(console);
      fds[kInput].fd = -1;
    }
  }
  // What the container wrote last is still in the terminal.
  pollfd rest{fds[kConsole].fd, POLLIN, 0};
  while (rest.fd >= 0 && poll(&rest, 1, 0) > 0 && copy_some(console, 1)) {
  }
  int status = reap(running.pid);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Result<int> wait_and_delete(Runtime& runtime, const std::string& id, Running& running, bool keep) {
  auto code = wait_in_foreground(running);
  if (!keep) RCRT_TRY(runtime.remove(id, true));
  return code;
}

}  // namespace rcrt::oci
