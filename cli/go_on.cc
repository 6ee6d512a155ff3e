// SPDX-License-Identifier: MIT
#include "cli/go_on.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "base/unique_fd.h"
#include "core/process.h"

namespace rcrt::cli {
namespace {

constexpr size_t kStack = 1 << 20;  // touched only where it is used

struct Rest {
  const std::function<void()>& work;
  UniqueFd before;  // pidfd of the process that ends
};

int go_on(void* argument) {
  auto& rest = *static_cast<Rest*>(argument);
  // Whoever waits for it to end goes first, also where there is one CPU for both.
  wait_for_end(rest.before.get(), -1);
  // Whoever reads our output is not kept waiting by us.
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd : {0, 1})
    if (null) dup2(null.get(), fd);
  rest.work();
  fflush(stderr);
  _exit(0);
}

}  // namespace

void exit_and_go_on(int exit_code, const std::function<void()>& work) {
  if (fflush(stdout) != 0) return;  // the caller reports it
  Rest rest = {work, UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)))};
  if (!rest.before) return;
  void* stack = mmap(nullptr, kStack, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED) return;
  // The child shares memory and thread pointer with us, so from here on we only end. The
  // kernel must not write to our thread's descriptor then, as it does for pthread_join: the
  // C library takes the number there for the owner of the locks that the child holds.
  syscall(SYS_set_tid_address, nullptr);
  if (clone(go_on, static_cast<char*>(stack) + kStack, CLONE_VM, &rest) < 0) return;
  _exit(exit_code);
}

}  // namespace rcrt::cli
