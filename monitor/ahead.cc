// SPDX-License-Identifier: MIT
#include <linux/sched.h>

#include "monitor/monitor.h"

namespace rcrt::monitor {
namespace {

// Those that take time, and that do not change what the monitor itself sees and does.
struct Type {
  uint64_t flag;
  const char* path;
};
constexpr Type kTypes[] = {{CLONE_NEWNET, "/proc/self/ns/net"},
                           {CLONE_NEWIPC, "/proc/self/ns/ipc"},
                           {CLONE_NEWUTS, "/proc/self/ns/uts"}};
constexpr int kCount = sizeof kTypes / sizeof kTypes[0];

constinit int own[kCount] = {-1, -1, -1};  // the monitor's namespaces

}  // namespace

void make_ahead(Monitor& monitor, uint64_t flags) {
  uint64_t known = 0;
  for (int i = 0; i < kCount; ++i) {
    if ((flags & kTypes[i].flag) == 0) continue;
    own[i] = sys::openat(AT_FDCWD, kTypes[i].path, O_RDONLY | O_CLOEXEC);
    if (own[i] >= 0) known |= kTypes[i].flag;
  }
  if (known == 0) return;
  if (sys::unshare(known) == 0)
    monitor.ahead = known;
  else
    leave_ahead(monitor);
}

uint64_t use_ahead(Monitor& monitor, uint64_t flags) {
  // They must be those of a new user namespace, which is not there yet.
  if ((flags & CLONE_NEWUSER) != 0 || (flags & monitor.ahead) != monitor.ahead) leave_ahead(monitor);
  return flags & ~monitor.ahead;
}

void leave_ahead(Monitor& monitor) {
  for (int i = 0; i < kCount; ++i) {
    if (own[i] < 0) continue;
    if (monitor.ahead & kTypes[i].flag) sys::setns(own[i], static_cast<int>(kTypes[i].flag));
    sys::close(own[i]);
    own[i] = -1;
  }
  monitor.ahead = 0;
}

}  // namespace rcrt::monitor
