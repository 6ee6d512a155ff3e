// SPDX-License-Identifier: MIT
// A process is known by pid and start time, never by a bare pid: pids are used again.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt {

// Field 22 of /proc/<pid>/stat, clock ticks since boot; 0 when there is no such process or
// it is a zombie.
uint64_t process_start_time(pid_t pid);

// The process lives, or waits to be reaped, and has never called execve(2) with success.
bool never_executed(pid_t pid);

// A pidfd of the process with this pid and start time; invalid when it is gone.
UniqueFd open_process(pid_t pid, uint64_t start_time);

// Waits until the process has ended. timeout in milliseconds, -1 for ever. False on timeout.
bool wait_for_end(int pidfd, int timeout_ms);

// Sends a signal to the process; ESRCH is an Error with that code.
Result<void> send_signal(int pidfd, int signal);

// The kernel may leave a new process or thread on its maker's CPU, where it waits until that one
// sleeps, though another is idle. Give it `others` for a while, and it begins at once.
struct CpuChoice {
  cpu_set_t allowed, ours, others;  // CPUs the calling thread may use: all, the one it is on, the rest
};
std::optional<CpuChoice> choose_cpus();  // empty where there is no other

// Text of /proc/sys/kernel/random/boot_id.
std::string boot_id();

// Nanoseconds since the epoch.
int64_t now_ns();

}  // namespace rcrt
