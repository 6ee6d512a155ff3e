// SPDX-License-Identifier: MIT
// Runs a command and writes the largest resident set it had, in KiB: a process begins with
// that of the one it was forked from, so this one is small.
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  (void)argc;
  pid_t pid = fork();
  if (pid == 0) {
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  int status = 0;
  struct rusage usage;
  if (wait4(pid, &status, 0, &usage) != pid) return 125;
  fprintf(stderr, "%ld\n", usage.ru_maxrss);
  return status == 0 ? 0 : 1;
}
