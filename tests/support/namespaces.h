// SPDX-License-Identifier: MIT
// Namespaces for tests that need root: a "host" of the test's own, and others beside it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace rcrt::test {

// Moves the process into new network and mount namespaces, with a /sys that fits. False
// when that is not permitted here.
bool become_own_host();

// A network namespace held by a process of ours, which dies with this object.
class NetworkNamespace {
 public:
  NetworkNamespace();
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;
  ~NetworkNamespace();

  int fd() const { return fd_; }
  pid_t pid() const { return pid_; }
  // Runs a command inside; its output.
  std::string observe(const std::string& command) const;
  // Runs `body` in a process inside; its pid, to be killed and awaited by the caller.
  pid_t spawn(const std::function<void()>& body) const;

 private:
  pid_t pid_ = -1;
  int fd_ = -1;
};

void end_process(pid_t pid);  // SIGKILL and wait

}  // namespace rcrt::test
