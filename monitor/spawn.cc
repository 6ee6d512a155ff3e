// SPDX-License-Identifier: MIT
#include <linux/sched.h>
#include <signal.h>

#include "launch/child.h"
#include "launch/number.h"
#include "monitor/fault.h"
#include "monitor/monitor.h"

namespace rcrt::monitor {
namespace {

using launch::append_number;

char* append(char* out, const char* text) {
  while (*text != '\0') *out++ = *text++;
  *out = '\0';
  return out;
}

// Writes `text` to /proc/<pid>/<file>. The monitor is the parent and has not reaped: the pid is its child's.
long write_proc(int pid, const char* file, const char* text) {
  char path[64];
  char* out = append(path, "/proc/");
  out = append_number(out, pid);
  *out++ = '/';
  append(out, file);
  int fd = sys::openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return fd;
  long written = sys::write(fd, text, strlen(text));
  sys::close(fd);
  return written;
}

bool set_oom_score(Monitor& monitor, int pid) {
  if ((monitor.plan->flags & plan::Plan::kOomScore) == 0) return true;
  char text[24];
  append_number(text, monitor.plan->oom_score);
  long error = write_proc(pid, "oom_score_adj", text);
  if (error >= 0) return true;
  report_failure(monitor, Stage::kOomScore, error, text);
  return false;
}

// There is no way back from a user namespace: only where the monitor ends once the process
// is made. What takes the machine's privileges is done first, on ourselves.
bool join_user(Monitor& monitor) {
  if ((monitor.plan->flags & plan::Plan::kUserAhead) == 0) return true;
  if (!set_oom_score(monitor, sys::getpid())) return false;
  auto* join = plan::table<plan::JoinNamespace>(monitor.plan, monitor.plan->join);
  for (uint32_t i = 0; i < monitor.plan->join.count; ++i) {
    if (join[i].type != CLONE_NEWUSER) continue;
    if (long error = sys::setns(monitor.fd(join[i].fd), CLONE_NEWUSER); error < 0) {
      report_failure(monitor, Stage::kJoinNamespace, error, "user");
      return false;
    }
  }
  return true;
}

// A time namespace's offsets can be set only before a process enters it, and only its
// children enter the one we unshare. pid namespaces are joined by children, too.
bool enter_for_children(Monitor& monitor, int* own_time, int* own_pid) {
  const char* offsets = monitor.string(monitor.plan->time_offsets);
  if (offsets != nullptr) {
    *own_time = sys::openat(AT_FDCWD, "/proc/self/ns/time", O_RDONLY | O_CLOEXEC);
    long error = *own_time < 0 ? *own_time : sys::unshare(CLONE_NEWTIME);
    if (error >= 0 && offsets[0] != '\0') error = write_proc(sys::getpid(), "timens_offsets", offsets);
    if (error < 0) {
      report_failure(monitor, Stage::kTimeNamespace, error, offsets);
      return false;
    }
  }
  auto* join = plan::table<plan::JoinNamespace>(monitor.plan, monitor.plan->join);
  for (uint32_t i = 0; i < monitor.plan->join.count; ++i) {
    if ((join[i].type & CLONE_NEWPID) == 0) continue;
    *own_pid = sys::openat(AT_FDCWD, "/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    long error = *own_pid < 0 ? *own_pid : sys::setns(monitor.fd(join[i].fd), CLONE_NEWPID);
    if (error < 0) {
      report_failure(monitor, Stage::kJoinNamespace, error, "pid");
      return false;
    }
  }
  return join_user(monitor);
}

// What the clean-up command needs back. A failure here cannot happen to one who was there.
void leave_again(int own_time, int own_pid) {
  if (own_time >= 0) {
    sys::setns(own_time, CLONE_NEWTIME);
    sys::close(own_time);
  }
  if (own_pid >= 0) {
    sys::setns(own_pid, CLONE_NEWPID);
    sys::close(own_pid);
  }
}

bool map_ids(Monitor& monitor) {
  const plan::Plan& plan = *monitor.plan;
  if ((plan.clone_flags & CLONE_NEWUSER) == 0) return true;
  const char* failed = "gid_map";
  long error = 0;
  if (plan.gid_map != 0) error = write_proc(monitor.pid, "gid_map", monitor.string(plan.gid_map));
  if (error >= 0 && plan.uid_map != 0) {
    failed = "uid_map";
    error = write_proc(monitor.pid, "uid_map", monitor.string(plan.uid_map));
  }
  launch::SimpleMessage mapped = {Kind::kGo};
  if (error >= 0) error = launch::send_message(monitor.child, &mapped, sizeof mapped);
  if (error >= 0) return true;
  report_failure(monitor, Stage::kIdMap, error, failed);
  return false;
}

// Only what relays and reports need stays open here; mounts and pipes must not be pinned.
void keep_few(Monitor& monitor) {
  const plan::Plan& plan = *monitor.plan;
  const int keep[] = {plan.cgroup_fd,     plan.log_fd,       plan.client_out_fd,
                      plan.client_err_fd, plan.relay_out_fd, plan.relay_err_fd};
  for (int i = 1; i < monitor.fd_count; ++i) {
    bool kept = false;
    for (int index : keep) kept = kept || index + 1 == i;
    if (!kept) sys::close(monitor.fds[i]);
  }
  sys::close(monitor.fds[0]);
}

[[noreturn]] void be_child(Monitor& monitor, launch::Child& child, int sync, int socket) {
  child.plan = monitor.plan;
  child.fds = monitor.fds + 1;
  child.sync = sync;
  child.monitor = socket;
  child.start = monitor.fd(monitor.plan->start_fd);
  launch::run_child(child);
}

// The plan comes from the client itself; errors go there, too.
[[noreturn]] void be_early_child(Monitor& monitor, Request& request, int sync, int socket) {
  launch::Child child;
  if (request.has_early) {
    child.plan = reinterpret_cast<plan::Plan*>(request.early);
    child.sync = sync;
    launch::prepare_child(child);
  }
  monitor.client = sync;
  if (!receive_request(monitor, request) || !receive_plan(monitor, request)) sys::exit(125);
  be_child(monitor, child, sync, socket);
}

// clone3; 0 in the child, which has `*socket` to the monitor when it has something to report.
// An orphan is a child of the client's, with our own exit signal, which is SIGCHLD.
long clone_child(Monitor& monitor, uint64_t flags, int cgroup, bool reports, bool orphan, int* socket) {
  int sockets[2] = {-1, -1};
  *socket = -1;
  if (reports)
    if (int error = sys::socketpair(SOCK_SEQPACKET | SOCK_CLOEXEC, sockets); error < 0) return error;
  clone_args args = {};
  args.flags = use_ahead(monitor, flags) | CLONE_PIDFD | (orphan ? CLONE_PARENT : 0);
  args.pidfd = static_cast<uint64_t>(sys::arg(&monitor.pidfd));
  args.exit_signal = orphan ? 0 : SIGCHLD;
  if (cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(cgroup);
  }
  // The process is as our caller is, and does not take the CPU before the client knows of it.
  yield_no_more(monitor);
  fault_point("clone.before");
  long pid = sys::call(SYS_clone3, sys::arg(&args), sizeof args);
  if (pid == 0) {
    sys::close(monitor.client);
    if (sockets[0] >= 0) sys::close(sockets[0]);
    *socket = sockets[1];
    return 0;
  }
  fault_point("clone.after");
  if (sockets[1] >= 0) sys::close(sockets[1]);
  monitor.child = sockets[0];
  if (pid > 0) monitor.pid = static_cast<int>(pid);
  return pid;
}

void say_started(Monitor& monitor) {
  launch::StartedMessage started = {Kind::kStarted, monitor.pid};
  launch::send_message(monitor.client, &started, sizeof started, monitor.pidfd);
  fault_point("started.after");
}

}  // namespace

bool spawn(Monitor& monitor) {
  const plan::Plan& plan = *monitor.plan;
  int own_time = -1, own_pid = -1, socket = -1;
  if (!enter_for_children(monitor, &own_time, &own_pid)) return false;
  const bool orphan = plan.flags & plan::Plan::kOrphan;
  monitor.cgroup = monitor.fd(plan.cgroup_fd);
  const bool reports =
      (plan.clone_flags & CLONE_NEWUSER) || ((plan.flags & plan::Plan::kTerminal) && !orphan);
  long pid = clone_child(monitor, plan.clone_flags, monitor.cgroup, reports, orphan, &socket);
  if (pid == 0) {
    launch::Child child;
    be_child(monitor, child, monitor.fd(plan.sync_fd), socket);
  }
  leave_ahead(monitor);
  leave_again(own_time, own_pid);
  if (pid < 0) report_failure(monitor, Stage::kClone, pid);
  if (!adopt(monitor)) return false;
  say_started(monitor);
  if (orphan) sys::exit(0);
  return true;
}

bool spawn_early(Monitor& monitor, Request& request) {
  const int sync = request.fds[0];
  monitor.cgroup = request.count > 1 ? request.fds[1] : -1;
  int socket = -1;
  long pid =
      clone_child(monitor, request.clone.flags, monitor.cgroup, request.clone.reports != 0, false, &socket);
  if (pid == 0) be_early_child(monitor, request, sync, socket);
  sys::close(sync);
  if (pid < 0) {
    report_failure(monitor, Stage::kClone, pid);
    return false;
  }
  say_started(monitor);
  begin_to_yield(monitor);  // to the process, when the plan comes
  return true;
}

bool adopt(Monitor& monitor) {
  const plan::Plan& plan = *monitor.plan;
  leave_ahead(monitor);  // not sooner: on one CPU the process would wait for it
  keep_few(monitor);
  monitor.log = monitor.fd(plan.log_fd);
  if (monitor.pid < 0) return false;
  const bool scored = plan.flags & plan::Plan::kUserAhead;
  if (!map_ids(monitor) || !(scored || set_oom_score(monitor, monitor.pid))) {
    end_child(monitor);
    return false;
  }
  if (plan.flags & plan::Plan::kOwnMountNs) {
    char path[64];
    append(append_number(append(path, "/proc/"), monitor.pid), "/ns/mnt");
    monitor.mount_namespace = sys::openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);  // only saves time
  }
  return true;
}

bool has_executed(const Monitor& monitor) {
  char path[64];
  append(append_number(append(path, "/proc/"), monitor.pid), "/comm");
  int fd = sys::openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  // Until then it has the name it was made with.
  constexpr char kOurs[] = "rcrt-monitor\n";
  char name[32];
  long size = sys::read(fd, name, sizeof name);
  sys::close(fd);
  return size > 0 && (size != sizeof kOurs - 1 || memcmp(name, kOurs, sizeof kOurs - 1) != 0);
}

void end_child(Monitor& monitor) {
  sys::pidfd_send_signal(monitor.pidfd, SIGKILL);
  int status;
  sys::wait4(monitor.pid, &status, 0);
  monitor.pid = -1;
}

}  // namespace rcrt::monitor
