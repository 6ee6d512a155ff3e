// SPDX-License-Identifier: MIT
#include "launch/child.h"

#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>

namespace rcrt::launch {
namespace {

void copy_text(char* to, size_t room, const char* from) {
  if (from == nullptr) from = "";
  size_t length = 0;
  for (; length + 1 < room && from[length] != '\0'; ++length) to[length] = from[length];
  to[length] = '\0';
}

void reset_signals() {
  // The monitor ignores these; whatever its caller ignored was reset when it began.
  static constexpr int kIgnored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2};
  sys::KernelSigaction action = {};
  for (int signal : kIgnored) sys::sigaction(signal, &action);
  sys::sigprocmask(SIG_SETMASK, 0);
}

// The monitor's session keyring must not be the container's.
void join_session_keyring(const Child& child) {
  char name[80] = "rcrt-";
  copy_text(name + 5, sizeof name - 5, child.string(child.plan->id));
  // Not fatal: no keyrings in this kernel, or the quota is used up.
  sys::call(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, sys::arg(name));
}

void move_descriptor(const Child& child, int from, int to, int flags) {
  if (int error = sys::dup3(from, to, flags); error < 0) fail(child, Stage::kStdio, error);
}

// Of all that was inherited only 0, 1, 2, what the caller wants preserved, and the sockets
// remain: streams, 3 ... 3+n-1, then the sockets. On the way they all stand above every
// number in use, so that none is overwritten.
void drop_descriptors(Child& child) {
  const int count = static_cast<int>(child.plan->preserved.count), first = 3;
  auto* places = child.table<int32_t>(child.plan->preserved);
  int above = first + count + 2;
  for (int i = 0; i < count; ++i)
    if (child.fd(places[i]) >= above) above = child.fd(places[i]) + 1;
  if (child.sync >= above) above = child.sync + 1;
  if (child.start >= above) above = child.start + 1;
  if (count > 0 || child.sync != first || child.start >= 0) {
    for (int i = 0; i < count; ++i) move_descriptor(child, child.fd(places[i]), above + i, O_CLOEXEC);
    move_descriptor(child, child.sync, above + count, O_CLOEXEC);
    if (child.start >= 0) move_descriptor(child, child.start, above + count + 1, O_CLOEXEC);
    for (int i = 0; i < count; ++i) move_descriptor(child, above + i, first + i, 0);
    move_descriptor(child, above + count, first + count, O_CLOEXEC);
    child.sync = first + count;
    if (child.start >= 0) {
      move_descriptor(child, above + count + 1, first + count + 1, O_CLOEXEC);
      child.start = first + count + 1;
    }
  }
  const int end = (child.start >= 0 ? child.start : child.sync) + 1;
  if (int error = sys::close_range(static_cast<unsigned>(end), ~0U, 0); error < 0)
    fail(child, Stage::kStdio, error);
  child.root = child.monitor = child.proc = -1;
}

bool keeps_admin(const Child& child) {
  return child.has(plan::Plan::kSeccomp) && !child.has(plan::Plan::kNoNewPrivileges);
}

// The client does something between the mounts and the rest: hooks.
void pause(const Child& child) {
  show_root(child);
  SimpleMessage message = {Kind::kPaused};
  if (sys::write(child.sync, &message, sizeof message) != sizeof message) sys::exit(125);
  wait_for_go(child);
}

// Best last of all. Without no_new_privs it takes CAP_SYS_ADMIN, which is kept until then.
void load_filter(const Child& child) {
  load_seccomp(child);
  if (keeps_admin(child)) give_up_admin(child);
}

// Everything is made: the client's go, and then, when there is one to wait for, the starter's.
void wait_to_execute(Child& child) {
  wait_for_go(child);
  if (child.start >= 0) wait_for_start(child);
}

}  // namespace

void fail(const Child& child, Stage stage, long error, const char* object, const char* detail,
          int exit_code) {
  FailedMessage message = {};
  message.kind = Kind::kFailed;
  message.stage = stage;
  message.error = error < 0 ? static_cast<int>(-error) : static_cast<int>(error);
  message.exit_code = exit_code;
  copy_text(message.object, sizeof message.object, object);
  copy_text(message.detail, sizeof message.detail, detail);
  if (child.has(plan::Plan::kMountsOnly)) take_mounts_away(child);
  // write, not sendmsg: the one call every seccomp filter allows.
  sys::write(child.sync, &message, sizeof message);
  sys::exit(exit_code);
}

void prepare_child(Child& child) {
  unshare_placed(child);
  sys::umask(0);
  make_early_mounts(child);
  child.early = true;
}

void wait_for_go(const Child& child) {
  SimpleMessage message = {};
  long got;
  do got = sys::read(child.sync, &message, sizeof message);
  while (got == -EINTR);
  if (got != sizeof message || message.kind != Kind::kGo) sys::exit(125);
}

void run_child(Child& child) {
  const bool own_root = child.plan->root_fd >= 0;
  int slave = -1;

  reset_signals();
  sys::setsid();
  wait_for_id_maps(child);
  if (child.has(plan::Plan::kMountsOnly)) keep_descriptors_in_sight(child);
  join_namespaces(child);
  loopback_up(child);
  if (!child.early) unshare_placed(child);
  if (child.has(plan::Plan::kMountsOnly)) change_mounts(child);
  if (!child.has(plan::Plan::kKeepKeyring)) join_session_keyring(child);
  sys::umask(0);

  if (own_root) {
    attach_root(child);
    make_mounts(child);
    if (child.has(plan::Plan::kSetupDev) && !child.early_devices) make_devices(child);
    if (child.has(plan::Plan::kTerminal)) make_console(child, &slave);
  }
  if (child.has(plan::Plan::kPause)) pause(child);
  set_names(child);
  if (!child.early_sysctls) set_sysctls(child);
  set_security_label(child);
  if (own_root) {
    mask_paths(child);
    protect_paths(child);
    make_working_directory(child);
    make_mounts_readonly(child);
    make_root_readonly(child);
    pivot(child);
  } else if (child.has(plan::Plan::kTerminal)) {
    make_console(child, &slave);
  }
  set_streams(child, slave);
  drop_descriptors(child);

  set_limits(child);
  enter_working_directory(child, false);
  if (child.has(plan::Plan::kNoNewPrivileges)) {
    if (int error = sys::prctl(PR_SET_NO_NEW_PRIVS, 1); error < 0)
      fail(child, Stage::kNoNewPrivileges, error);
  }
  become(child, keeps_admin(child));
  enter_working_directory(child, true);
  if (child.start >= 0) check_command(child);
  // An engine attaches networks meanwhile; its filter has to allow read(2), which hears of go.
  const bool filter_first =
      !child.has(plan::Plan::kOrphan) && (child.plan->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0;
  if (filter_first) load_filter(child);
  wait_to_execute(child);
  if (!filter_first) load_filter(child);
  if (child.has(plan::Plan::kInit)) fork_below_init(child);
  execute(child);
}

}  // namespace rcrt::launch
