// SPDX-License-Identifier: MIT
#include "monitor/fault.h"

#ifdef RCRT_FAULT_POINTS
#include <signal.h>

#include "launch/sys.h"

namespace rcrt::monitor {
namespace {
int fault_at = 0;
int passed = 0;
}  // namespace

void read_fault_environment(char** environment) {
  constexpr char kKey[] = "RCRT_MONITOR_FAULT_AT=";
  for (; *environment != nullptr; ++environment) {
    if (strlen(*environment) < sizeof kKey || memcmp(*environment, kKey, sizeof kKey - 1) != 0) continue;
    for (const char* digit = *environment + sizeof kKey - 1; *digit >= '0' && *digit <= '9'; ++digit)
      fault_at = fault_at * 10 + (*digit - '0');
  }
}

void fault_point(const char*) {
  if (++passed == fault_at) sys::kill(sys::getpid(), SIGKILL);
}

}  // namespace rcrt::monitor
#endif
