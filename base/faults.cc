// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mutex>

#include "base/fault.h"

namespace rcrt {

namespace {

std::mutex passing;  // points are passed by several threads

// One count in a process: a plugin has a copy of this code and of its variables.
int count() {
  const char* before = getenv("RCRT_FAULT_PASSED");
  char text[16];
  int passed = (before != nullptr ? atoi(before) : 0) + 1;
  snprintf(text, sizeof text, "%d", passed);
  setenv("RCRT_FAULT_PASSED", text, 1);
  return passed;
}

}  // namespace

const char* fault_setting(const char* name) { return getenv(name); }

int waiting_time(int, int in_tests) { return in_tests; }

void fault_point(const char* name) {
  tell_watcher(name);
  const std::lock_guard held(passing);
  int passed = count();
  if (const char* log = getenv("RCRT_FAULT_LOG")) {
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
      char line[128];
      size_t length = strnlen(name, sizeof line - 1);
      memcpy(line, name, length);
      line[length] = '\n';
      if (write(fd, line, length + 1) < 0) abort();
      close(fd);
    }
  }
  if (const char* stop = getenv("RCRT_FAULT_STOP_AT"); stop != nullptr && strcmp(stop, name) == 0)
    kill(getpid(), SIGSTOP);
  const char* at = getenv("RCRT_FAULT_AT");
  if (at != nullptr && atoi(at) == passed) kill(getpid(), SIGKILL);
}

}  // namespace rcrt
