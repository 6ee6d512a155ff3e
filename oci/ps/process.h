// SPDX-License-Identifier: MIT
// A process, or one thread of it, as /proc tells; see proc(5).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rcrt::oci::ps {

// Fields of /proc/PID/stat, by their number there.
enum class Stat {
  parent = 4,
  group,
  session,
  terminal,
  foreground,  // process group of the terminal
  flags,
  minor_faults,
  children_minor_faults,
  major_faults,
  children_major_faults,
  user_ticks,
  system_ticks,
  children_user_ticks,
  children_system_ticks,
  priority,
  nice,
  threads,
  start = 22,  // ticks after the machine's
  size,
  resident_limit = 25,
  code_begin,
  code_end,
  stack,
  stack_pointer,
  instruction_pointer,
  processor = 39,
  realtime_priority,
  policy,
};

// The columns of Uid: and Gid: in /proc/PID/status.
enum class Identity { real, effective, saved, file_system };

class Process {
 public:
  // Nothing when it has gone.
  static std::optional<Process> read(pid_t pid);
  // The process itself where it has but one: signals for all are that one's.
  static std::vector<Process> threads_of(pid_t pid);

  pid_t pid() const { return pid_; }
  pid_t tid() const { return tid_; }
  bool is_thread() const { return thread_; }
  const std::string& name() const { return name_; }
  char state() const { return state_; }
  long long stat(Stat field) const;
  // What follows "KEY:" in /proc/PID/status; empty when it is not there.
  std::string status(std::string_view key) const;
  // The same as a number: 0 when it is not there.
  unsigned long long status_number(std::string_view key) const;
  unsigned user(Identity which) const;
  unsigned group(Identity which) const;
  // Other files of the same folder; empty when they cannot be read.
  std::string file(const char* name) const;
  std::string link(const char* name) const;

 private:
  static std::optional<Process> read(std::string folder, pid_t pid, pid_t tid, bool thread);
  unsigned identity(std::string_view key, Identity which) const;

  pid_t pid_ = 0, tid_ = 0;
  bool thread_ = false;
  char state_ = '?';
  std::string folder_, name_, status_;
  std::vector<std::string> stat_;  // from the field after the state on
};

}  // namespace rcrt::oci::ps
