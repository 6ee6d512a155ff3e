// SPDX-License-Identifier: MIT
#include <linux/if.h>
#include <linux/sched.h>
#include <linux/sockios.h>

#include "launch/child.h"

namespace rcrt::launch {
namespace {

const char* name_of(unsigned type) {
  switch (type) {
    case CLONE_NEWUSER:
      return "user";
    case CLONE_NEWNS:
      return "mount";
    case CLONE_NEWNET:
      return "network";
    case CLONE_NEWIPC:
      return "ipc";
    case CLONE_NEWUTS:
      return "uts";
    case CLONE_NEWCGROUP:
      return "cgroup";
    case CLONE_NEWTIME:
      return "time";
    case CLONE_NEWPID:
      return "pid";
    default:
      return "of the container";
  }
}

void become_root(const Child& child) {
  // The groups first: afterwards the right to set them may be gone. A mapping without
  // setgroups leaves the caller's groups, which are unmapped inside.
  if (long error = sys::call(SYS_setgroups, 0, 0); error < 0 && error != -EPERM)
    fail(child, Stage::kBecomeRoot, error, "setgroups");
  if (long error = sys::call(SYS_setresgid, 0, 0, 0); error < 0)
    fail(child, Stage::kBecomeRoot, error, "setresgid", "group 0 must be mapped");
  if (long error = sys::call(SYS_setresuid, 0, 0, 0); error < 0)
    fail(child, Stage::kBecomeRoot, error, "setresuid", "user 0 must be mapped");
}

// False when it may work from within the user namespace.
bool join_one(const Child& child, const plan::JoinNamespace& join, bool last) {
  // The monitor has joined a pid namespace for us: only children of the caller enter it.
  const uint32_t types = join.type & ~static_cast<uint32_t>(CLONE_NEWPID);
  if (types == 0) return true;
  int error = sys::setns(child.fd(join.fd), static_cast<int>(types));
  if (error == -EPERM && !last) return false;
  if (error < 0) fail(child, Stage::kJoinNamespace, error, name_of(types));
  if (types & CLONE_NEWUSER) become_root(child);
  return true;
}

}  // namespace

void wait_for_id_maps(const Child& child) {
  if ((child.plan->clone_flags & CLONE_NEWUSER) == 0) return;
  SimpleMessage message = {};
  long got;
  do got = sys::read(child.monitor, &message, sizeof message);
  while (got == -EINTR);
  if (got != sizeof message) sys::exit(125);  // the monitor has reported why
  become_root(child);
}

void join_namespaces(const Child& child) {
  auto* join = child.table<plan::JoinNamespace>(child.plan->join);
  const bool ahead = child.has(plan::Plan::kUserAhead);
  if (ahead) become_root(child);
  // The user namespace in between: some of the others may be the machine's, which are
  // closed to its root, and some its own, which are closed to a caller who is not root.
  uint32_t joined = 0;
  for (int pass = 0; pass < 2; ++pass) {
    const bool last = pass == 1;
    for (uint32_t i = 0; i < child.plan->join.count; ++i) {
      const bool user = join[i].type == CLONE_NEWUSER;
      if ((joined >> i & 1) || (user && (ahead || !last))) continue;
      if (join_one(child, join[i], last)) joined |= 1U << i;
    }
  }
}

// With rcrt the network's plugin does this. Any socket is one of our network namespace.
void loopback_up(const Child& child) {
  if (!child.has(plan::Plan::kOrphan) || (child.plan->clone_flags & CLONE_NEWNET) == 0) return;
  int fd = sys::call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail(child, Stage::kLoopback, fd);
  ifreq request = {};
  request.ifr_name[0] = 'l', request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP;
  if (int error = sys::ioctl(fd, SIOCSIFFLAGS, sys::arg(&request)); error < 0)
    fail(child, Stage::kLoopback, error);
  sys::close(fd);
}

void unshare_placed(const Child& child) {
  if (child.plan->unshare_flags == 0) return;
  if (int error = sys::unshare(child.plan->unshare_flags); error < 0) fail(child, Stage::kUnshare, error);
}

}  // namespace rcrt::launch
