// SPDX-License-Identifier: MIT
#include "tests/support/namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/support/host_state.h"

namespace rcrt::test {

bool become_own_host() {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return false;
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  return mount("sysfs", "/sys", "sysfs", 0, nullptr) == 0;
}

NetworkNamespace::NetworkNamespace() {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) abort();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWNET) != 0 || write(ready[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  close(ready[1]);
  char byte;
  bool made = pid_ > 0 && read(ready[0], &byte, 1) == 1;
  close(ready[0]);
  fd_ = open(("/proc/" + std::to_string(pid_) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC);
  if (!made || fd_ < 0) abort();
}

NetworkNamespace::~NetworkNamespace() {
  close(fd_);
  end_process(pid_);
}

std::string NetworkNamespace::observe(const std::string& command) const {
  return test::observe("nsenter -t " + std::to_string(pid_) + " -n sh -c '" + command + "'");
}

pid_t NetworkNamespace::spawn(const std::function<void()>& body) const {
  pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (setns(fd_, CLONE_NEWNET) == 0) body();
  _exit(0);
}

void end_process(pid_t pid) {
  if (pid <= 0) return;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

}  // namespace rcrt::test
