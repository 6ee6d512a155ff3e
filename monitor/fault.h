// SPDX-License-Identifier: MIT
// Fault points of the monitor, as base/fault.h: RCRT_MONITOR_FAULT_AT=N kills it at the
// N-th one. Compiled into //monitor:faults/rcrt-monitor only.
#pragma once

namespace rcrt::monitor {

#ifdef RCRT_FAULT_POINTS
void read_fault_environment(char** environment);
void fault_point(const char* name);
#else
inline void read_fault_environment(char**) {}
inline void fault_point(const char*) {}
#endif

}  // namespace rcrt::monitor
