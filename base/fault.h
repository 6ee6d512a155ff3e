// SPDX-License-Identifier: MIT
// Points between the steps of a program. Where //base:faults is linked, which is in tests only,
// they are fault points: a test kills the program at an exact step. A release passes them by,
// unless somebody watches.
//
// RCRT_FAULT_AT=N   SIGKILL at the N-th point passed in this process (from 1),
//                   plugins' points among them
// RCRT_FAULT_STOP_AT=NAME  SIGSTOP at the points of this name
// RCRT_FAULT_LOG=F  append the name of each point passed to F, so that a test can
//                   count them
#pragma once

namespace rcrt {

void fault_point(const char* name);

// From now on the watcher is called at each point, by whatever thread passes it.
void watch_points(void (*watcher)(const char* name));
// Calls the watcher, if there is one.
void tell_watcher(const char* name);

// A variable of the environment that tests set; NULL in a release.
const char* fault_setting(const char* name);

// `usual`, but where //base:faults is linked `in_tests`: a test that kills a program a hundred times
// cannot wait as long each time.
int waiting_time(int usual, int in_tests);

}  // namespace rcrt
