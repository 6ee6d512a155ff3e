// SPDX-License-Identifier: MIT
#include "base/fault.h"

#ifdef RCRT_FAULT_POINTS
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace rcrt {

void fault_point(const char* name) {
  static int passed = 0;
  ++passed;
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
  const char* at = getenv("RCRT_FAULT_AT");
  if (at != nullptr && atoi(at) == passed) kill(getpid(), SIGKILL);
}

}  // namespace rcrt
#endif
