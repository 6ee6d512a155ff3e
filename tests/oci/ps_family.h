// SPDX-License-Identifier: MIT
// A small tree of processes: threads, a zombie, scheduling and signals of their own, names with odd
// characters.
#pragma once

#include <sys/types.h>

#include <vector>

namespace rcrt::test {

class PsFamily {
 public:
  PsFamily();
  ~PsFamily();
  PsFamily(const PsFamily&) = delete;
  PsFamily& operator=(const PsFamily&) = delete;

  pid_t leader() const { return leader_; }  // of their session; it has the threads
  const std::vector<pid_t>& pids() const { return pids_; }

 private:
  pid_t leader_ = -1;
  std::vector<pid_t> pids_;
};

}  // namespace rcrt::test
