// SPDX-License-Identifier: MIT
#include <signal.h>
#include <sys/prctl.h>

#include "monitor/fault.h"
#include "monitor/monitor.h"

namespace rcrt::monitor {
namespace {

// constinit: nothing runs constructors here.
constinit Monitor monitor;
constinit Relay out, err;
bool console_hung_up = false;

// Whatever our caller ignored must not be ignored in the container; what would end us
// before our container must not.
void set_signals() {
  sys::KernelSigaction action = {};
  for (int signal = 1; signal < 65; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    bool ignore = signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM ||
                  signal == SIGPIPE || signal == SIGUSR1 || signal == SIGUSR2;
    action.handler = ignore ? SIG_IGN : SIG_DFL;
    sys::sigaction(signal, &action);
  }
  sys::sigprocmask(SIG_SETMASK, 0);
}

// The container has its command from now on, and outlives the client.
void hear_of_go() {
  monitor.go = true;
  yield_no_more(monitor);
}

void lose_client() {
  sys::close(monitor.client);
  monitor.client = -1;
  out.drop_client();
  err.drop_client();
  // Before go the container is half made, and nobody will finish it.
  if (monitor.go || monitor.pid < 0) return;
  // Go is for the process first: the client may have been killed before it told us.
  if (!monitor.reaped && has_executed(monitor)) return hear_of_go();
  monitor.abandoned = true;
  sys::pidfd_send_signal(monitor.pidfd, SIGKILL);
}

void hear_client() {
  launch::SimpleMessage message = {};
  long got = launch::receive_message(monitor.client, &message, sizeof message, nullptr, 0, nullptr);
  if (got != sizeof message) return lose_client();
  if (message.kind == Kind::kGo) hear_of_go();
  if (message.kind == Kind::kCleanedUp) monitor.cleaned_up = true;
}

void hear_child() {
  launch::SimpleMessage message = {};
  int fd = -1, count = 0;
  long got = launch::receive_message(monitor.child, &message, sizeof message, &fd, 1, &count);
  if (got == sizeof message && message.kind == Kind::kConsole && count == 1) {
    monitor.console = fd;
    return;
  }
  sys::close(monitor.child);
  monitor.child = -1;
}

// The client reads the terminal while it is attached; else its output must not fill up.
bool console_is_ours() {
  return monitor.console >= 0 && (monitor.client < 0 || !(monitor.plan->flags & plan::Plan::kAttached));
}

void move_output() {
  out.pull(monitor.log);
  err.pull(monitor.log);
  if (console_is_ours()) drain_console(monitor, &console_hung_up);
}

// Runs until the container has ended.
void wait_for_container() {
  enum { kClient, kProcess, kChild, kOut, kErr, kConsole, kClientOut, kClientErr, kCount };
  for (;;) {
    pollfd fds[kCount];
    fds[kClient] = {monitor.client, POLLIN, 0};
    fds[kProcess] = {monitor.pidfd, POLLIN, 0};
    fds[kChild] = {monitor.child, POLLIN, 0};
    fds[kOut] = {out.wants_input() ? out.from : -1, POLLIN, 0};
    fds[kErr] = {err.wants_input() ? err.from : -1, POLLIN, 0};
    fds[kConsole] = {console_is_ours() && !console_hung_up ? monitor.console : -1, POLLIN, 0};
    fds[kClientOut] = {out.wants_output() ? out.to : -1, POLLOUT, 0};
    fds[kClientErr] = {err.wants_output() ? err.to : -1, POLLOUT, 0};
    // Somebody may open the slave again, which no event announces.
    timespec second = {1, 0};
    bool look_again = console_is_ours() && console_hung_up;
    sys::poll(fds, kCount, look_again ? &second : nullptr);
    if (fds[kChild].revents != 0) hear_child();
    if (fds[kProcess].revents != 0) return;
    if (fds[kClient].revents != 0) hear_client();
    if (fds[kClientOut].revents != 0) out.push();
    if (fds[kClientErr].revents != 0) err.push();
    if (look_again || fds[kOut].revents != 0 || fds[kErr].revents != 0 || fds[kConsole].revents != 0)
      move_output();
  }
}

// What the container wrote last reaches log and client before the client hears of the end.
void flush_output() {
  for (;;) {
    bool moved = out.pull(monitor.log);
    moved = err.pull(monitor.log) || moved;
    if (!moved && !out.wants_output() && !err.wants_output()) break;
    if (!out.wants_output() && !err.wants_output()) continue;
    pollfd fds[] = {{monitor.client, POLLIN, 0},
                    {out.wants_output() ? out.to : -1, POLLOUT, 0},
                    {err.wants_output() ? err.to : -1, POLLOUT, 0}};
    sys::poll(fds, 3);
    if (fds[0].revents != 0) hear_client();
    if (fds[1].revents != 0) out.push();
    if (fds[2].revents != 0) err.push();
  }
  if (console_is_ours()) drain_console(monitor, &console_hung_up);
}

// A child that loses its client ends by itself, and the kernel closes a killed client's
// sockets in any order: we may hear of the child first.
void hear_of_loss() {
  pollfd pending = {monitor.client, POLLIN, 0};
  timespec moment = {0, 20'000'000};
  while (!monitor.go && monitor.client >= 0 && sys::poll(&pending, 1, &moment) > 0) hear_client();
}

// Until the client has cleaned up, or is gone.
void wait_for_client() {
  while (monitor.client >= 0 && !monitor.cleaned_up) hear_client();
}

}  // namespace

[[noreturn]] void run(char** environment) {
  // Started by hand, or as a container's command (see core/launcher.cc): nothing to do.
  if (sys::fcntl(launch::kControlFd, F_SETFD, FD_CLOEXEC) < 0) sys::exit(125);
  sys::fcntl(launch::kExecutableFd, F_SETFD, FD_CLOEXEC);
  read_fault_environment(environment);
  sys::prctl(PR_SET_NAME, reinterpret_cast<unsigned long>("rcrt-monitor"));
  // Until it has executed something else, the child cannot be traced or looked into by a
  // process of a namespace it joins.
  sys::prctl(PR_SET_DUMPABLE, 0);
  begin_to_yield(monitor);
  set_signals();
  fault_point("receive.before");
  Request request;
  bool here = receive_request(monitor, request);
  if (here && request.kind == Kind::kAhead) {
    make_ahead(monitor, request.clone.flags);
    here = receive_request(monitor, request);
  }
  if (here && request.kind == Kind::kClone) {
    if (!spawn_early(monitor, request)) {
      wait_for_client();
      sys::exit(0);
    }
    here = receive_request(monitor, request);
  }
  if (!here || !receive_plan(monitor, request)) {
    if (monitor.pid > 0) end_child(monitor);
    sys::exit(0);
  }
  fault_point("receive.after");
  if (monitor.pid > 0 ? !adopt(monitor) : !spawn(monitor)) {
    wait_for_client();
    clean_up(monitor);
  }
  const plan::Plan& plan = *monitor.plan;
  out.from = monitor.fd(plan.relay_out_fd);
  out.to = monitor.fd(plan.client_out_fd);
  err.from = monitor.fd(plan.relay_err_fd);
  err.to = monitor.fd(plan.client_err_fd);

  wait_for_container();
  monitor.go = monitor.go || has_executed(monitor);
  Exit exit = collect(monitor);
  monitor.reaped = true;
  fault_point("record.before");
  hear_of_loss();
  // Without a record it never was: the clean-up removes it, also one that would be kept.
  // Nobody but the client asks a container that is removed at once: it need not wait for the disk.
  const bool report_first = plan.flags & plan::Plan::kReportFirst;
  if (!monitor.abandoned && !report_first) write_record(monitor, exit);
  fault_point("record.after");
  flush_output();
  report_exit(monitor, exit);
  fault_point("report.after");
  if (!monitor.abandoned && report_first) {
    write_record(monitor, exit);
    launch::SimpleMessage recorded = {Kind::kRecorded};
    if (monitor.client >= 0) launch::send_message(monitor.client, &recorded, sizeof recorded);
  }
  if (monitor.mount_namespace >= 0) sys::close(monitor.mount_namespace);
  wait_for_client();
  fault_point("cleanup.before");
  clean_up(monitor);
}

}  // namespace rcrt::monitor

// The stack holds argc, argv, NULL, the environment.
extern "C" [[noreturn]] void rcrt_monitor_start(long* stack) {
  char** argv = reinterpret_cast<char**>(stack + 1);
  rcrt::monitor::run(argv + stack[0] + 1);
}

#if defined(__x86_64__)
asm(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall "
    "rcrt_monitor_start\n");
#elif defined(__aarch64__)
asm(".globl _start\n_start:\n\tmov x29, #0\n\tmov x0, sp\n\tbl rcrt_monitor_start\n");
#endif
