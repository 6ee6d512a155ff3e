// SPDX-License-Identifier: MIT
#include "cli/attach.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/process.h"
#include "core/terminal.h"

namespace rcrt::cli {
namespace {

sigset_t handled_signals(bool proxy) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGWINCH);
  if (proxy)
    for (int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGALRM})
      sigaddset(&set, signal);
  return set;
}

}  // namespace

void hold_signals(bool proxy) {
  sigset_t set = handled_signals(proxy);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

void release_signals(bool proxy) {
  const sigset_t set = handled_signals(proxy);
  const timespec now{};
  while (sigtimedwait(&set, nullptr, &now) > 0) {
  }
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

Result<ExitRecord> attach(Running& running, bool proxy) {
  sigset_t set = handled_signals(proxy);
  UniqueFd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return errno_error("cannot watch signals");
  int console = running.launcher.console();
  RawTerminal raw(console >= 0 && running.interactive && isatty(0) == 1);
  if (console >= 0) {
    copy_window_size(console);
    fcntl(console, F_SETFL, fcntl(console, F_GETFL) | O_NONBLOCK);
  }
  UniqueFd log;
  if (console >= 0 && !running.log_path.empty()) {
    log.reset(open(running.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!log) return errno_error("cannot open the log", running.log_path);
  }
  enum { kSignals, kEnd, kConsole, kInput };
  pollfd fds[4] = {{signals.get(), POLLIN, 0},
                   {running.launcher.exit_event(), POLLIN, 0},
                   {console, POLLIN, 0},
                   {console >= 0 && running.interactive ? 0 : -1, POLLIN, 0}};
  Result<ExitRecord> record;
  for (;;) {
    if (poll(fds, 4, -1) < 0) {
      if (errno == EINTR) continue;
      return errno_error("cannot wait for the container");
    }
    if (fds[kSignals].revents != 0) {
      signalfd_siginfo info;
      while (read(signals.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        if (info.ssi_signo == SIGWINCH && console >= 0)
          copy_window_size(console);
        else if (proxy || info.ssi_signo != SIGWINCH)
          (void)send_signal(running.pidfd.get(), static_cast<int>(info.ssi_signo));
      }
    }
    if (fds[kConsole].revents != 0 && !copy_some(console, 1, log.get())) fds[kConsole].fd = -1;
    if (fds[kInput].revents != 0 && !copy_some(0, console)) {
      send_end_of_file(console);
      fds[kInput].fd = -1;
    }
    if (fds[kEnd].revents == 0) continue;
    record = running.launcher.wait();
    if (record || fds[kEnd].fd == running.pidfd.get()) break;
    fds[kEnd].fd = running.pidfd.get();  // the monitor was killed; the container lives on
  }
  // What the container wrote last is still in the terminal.
  if (fds[kConsole].fd >= 0) {
    pollfd rest{console, POLLIN, 0};
    while (poll(&rest, 1, 0) > 0 && copy_some(console, 1, log.get())) {
    }
  }
  return record;
}

}  // namespace rcrt::cli
