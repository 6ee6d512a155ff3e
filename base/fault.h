// SPDX-License-Identifier: MIT
// Fault points: a test kills the program at an exact step. Compiled in only with
// --config=faults; a release has none.
//
// RCRT_FAULT_AT=N   SIGKILL at the N-th point passed in this process (from 1),
//                   plugins' points among them
// RCRT_FAULT_STOP_AT=NAME  SIGSTOP at the points of this name
// RCRT_FAULT_LOG=F  append the name of each point passed to F, so that a test can
//                   count them
#pragma once

namespace rcrt {

#ifdef RCRT_FAULT_POINTS
void fault_point(const char* name);
#else
inline void fault_point(const char*) {}
#endif

}  // namespace rcrt
