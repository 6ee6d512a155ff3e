// SPDX-License-Identifier: MIT
// CVE-2016-9962: a process of a container looks into the one that is about to join it.
#pragma once

#include <sys/types.h>

#include <string>

namespace rcrt::test {

// Joins a process's pid and mount namespaces, with the capabilities a container has by default, and looks
// for as long as it lives at every process there as it comes: at its descriptors, and as a debugger.
class Spy {
 public:
  explicit Spy(pid_t target);
  Spy(const Spy&) = delete;
  Spy& operator=(const Spy&) = delete;
  ~Spy();

  // What it has seen so far, a line each: "denied", or the descriptors that were no pipe and not /dev/null.
  const std::string& seen();

 private:
  pid_t pid_ = -1;
  int report_ = -1, life_ = -1;  // the spy's words; it ends when the other is closed
  std::string seen_;
};

}  // namespace rcrt::test
