// SPDX-License-Identifier: MIT
#include <sched.h>

#include "monitor/monitor.h"

namespace rcrt::monitor {
namespace {

long set_policy(int policy) {
  const int priority = 0;
  return sys::call(SYS_sched_setscheduler, 0, policy, sys::arg(&priority));
}

}  // namespace

void begin_to_yield(Monitor& monitor) {
  monitor.yielding = sys::call(SYS_sched_getscheduler, 0) == SCHED_OTHER && set_policy(SCHED_BATCH) == 0;
}

void yield_no_more(Monitor& monitor) {
  if (monitor.yielding) set_policy(SCHED_OTHER);
  monitor.yielding = false;
}

}  // namespace rcrt::monitor
