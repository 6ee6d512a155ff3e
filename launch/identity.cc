// SPDX-License-Identifier: MIT
// Users, groups, capabilities, seccomp.
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "launch/child.h"

namespace rcrt::launch {
namespace {

struct CapabilitySets {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};

  static uint64_t join(uint32_t low, uint32_t high) { return low | static_cast<uint64_t>(high) << 32; }
};

void drop_bounding(const Child& child) {
  for (unsigned capability = 0; capability < 64; ++capability) {
    if (child.plan->cap_bounding >> capability & 1) continue;
    int error = sys::prctl(PR_CAPBSET_DROP, capability);
    if (error == -EINVAL) return;  // past the kernel's last
    if (error == -EPERM && sys::prctl(PR_CAPBSET_READ, capability) == 0) continue;
    if (error < 0) fail(child, Stage::kCapabilities, error, "bounding set");
  }
}

// What the specification asks for and we do not hold cannot be granted; the OCI runtime
// specification wants that container to start nonetheless.
void set_capabilities(const Child& child, uint64_t granted, bool keep_admin) {
  const plan::Plan& plan = *child.plan;
  const uint64_t admin = keep_admin ? 1ULL << CAP_SYS_ADMIN : 0;
  uint64_t permitted = (plan.cap_permitted | admin) & granted;
  uint64_t effective = (plan.cap_effective | admin) & permitted;
  uint64_t inheritable = plan.cap_inheritable & granted;
  CapabilitySets sets;
  for (int half = 0; half < 2; ++half) {
    sets.data[half].permitted = static_cast<uint32_t>(permitted >> (32 * half));
    sets.data[half].effective = static_cast<uint32_t>(effective >> (32 * half));
    sets.data[half].inheritable = static_cast<uint32_t>(inheritable >> (32 * half));
  }
  if (long error = sys::call(SYS_capset, sys::arg(&sets.header), sys::arg(sets.data)); error < 0)
    fail(child, Stage::kCapabilities, error, "capset");
  int error = sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
  if (error < 0 && error != -EINVAL) fail(child, Stage::kCapabilities, error, "ambient set");
  uint64_t ambient = plan.cap_ambient & permitted & inheritable;
  for (unsigned capability = 0; capability < 64; ++capability) {
    if ((ambient >> capability & 1) == 0) continue;
    error = sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability);
    if (error < 0) fail(child, Stage::kCapabilities, error, "ambient set");
  }
}

}  // namespace

void become(const Child& child, bool keep_admin) {
  const plan::Plan& plan = *child.plan;
  CapabilitySets now;
  if (long error = sys::call(SYS_capget, sys::arg(&now.header), sys::arg(now.data)); error < 0)
    fail(child, Stage::kCapabilities, error, "capget");
  drop_bounding(child);
  if (int error = sys::prctl(PR_SET_KEEPCAPS, 1); error < 0) fail(child, Stage::kCapabilities, error);
  long error = sys::call(SYS_setgroups, plan.groups.count, sys::arg(child.table<uint32_t>(plan.groups)));
  // A user namespace may forbid setgroups; without extra groups nothing is lost.
  if (error < 0 && !(error == -EPERM && plan.groups.count == 0 && child.has(plan::Plan::kUserNamespace)))
    fail(child, Stage::kUser, error, "additional groups");
  error = sys::call(SYS_setresgid, plan.gid, plan.gid, plan.gid);
  if (error < 0) fail(child, Stage::kUser, error, "group");
  error = sys::call(SYS_setresuid, plan.uid, plan.uid, plan.uid);
  if (error < 0) fail(child, Stage::kUser, error, "user");
  if (int code = sys::prctl(PR_SET_KEEPCAPS, 0); code < 0) fail(child, Stage::kCapabilities, code);
  set_capabilities(child, CapabilitySets::join(now.data[0].permitted, now.data[1].permitted), keep_admin);
  sys::umask(child.has(plan::Plan::kSetUmask) ? plan.umask : 022);
}

void give_up_admin(const Child& child) {
  CapabilitySets now;
  if (long error = sys::call(SYS_capget, sys::arg(&now.header), sys::arg(now.data)); error < 0)
    fail(child, Stage::kCapabilities, error, "capget");
  set_capabilities(child,
                   CapabilitySets::join(now.data[0].permitted | now.data[0].inheritable,
                                        now.data[1].permitted | now.data[1].inheritable),
                   false);
}

void load_seccomp(const Child& child) {
  if (!child.has(plan::Plan::kSeccomp)) return;
  struct {
    unsigned short length;
    const sock_filter* filter;
  } program = {static_cast<unsigned short>(child.plan->seccomp.count),
               child.table<sock_filter>(child.plan->seccomp)};
  long result =
      sys::call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, child.plan->seccomp_flags, sys::arg(&program));
  if (result < 0) fail(child, Stage::kSeccomp, result);
  if ((child.plan->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0) return;
  ListenerMessage message = {Kind::kListener, static_cast<int32_t>(result)};
  if (sys::write(child.sync, &message, sizeof message) != sizeof message) sys::exit(125);
  wait_for_go(child);
}

}  // namespace rcrt::launch
