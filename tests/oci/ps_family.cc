// SPDX-License-Identifier: MIT
#include "tests/oci/ps_family.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <latch>
#include <thread>

#include "base/pipe.h"

namespace rcrt::test {
namespace {

// A child that ends with its parent. It does `first`, reports, and executes sleep(1) under a name.
template <typename First>
pid_t sleeper(int report, const char* name, First first) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  first();
  const pid_t self = getpid();
  if (write(report, &self, sizeof self) != sizeof self) _exit(1);
  execlp("sleep", name, "100000", static_cast<char*>(nullptr));
  _exit(127);
}

// Uses the processor for some ticks of the kernel's clock.
void work() {
  timespec used{};
  do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  while (used.tv_sec == 0 && used.tv_nsec < 50'000'000);
}

[[noreturn]] void lead(int report) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setsid();
  sleeper(report, "sleep", [] { setpriority(PRIO_PROCESS, 0, 5); });
  sleeper(report, "a b\tc \xc3\xbc \x1b[31m \xff", [] { signal(SIGUSR1, SIG_IGN); });
  sleeper(report, "sleep", [report] {
    const sched_param none{};
    sched_setscheduler(0, SCHED_BATCH, &none);
    setpgid(0, 0);
    sleeper(report, "sleep", [] {
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGUSR2);
      sigaddset(&set, 40);
      sigprocmask(SIG_BLOCK, &set, nullptr);
      kill(getpid(), SIGUSR2);
    });
  });
  sleeper(report, "sleep", [report] { sleeper(report, "", [] {}); });
  // Never waited for.
  if (const pid_t zombie = fork(); zombie == 0) {
    const pid_t self = getpid();
    _exit(write(report, &self, sizeof self) == sizeof self ? 0 : 1);
  }
  std::latch worked(1);
  for (int i = 0; i < 2; ++i)
    std::thread([i, &worked] {
      prctl(PR_SET_NAME, "helper");
      if (i == 0) work(), worked.count_down();
      for (;;) pause();
    }).detach();
  worked.wait();
  close(report);
  for (;;) pause();
}

}  // namespace

PsFamily::PsFamily() {
  Pipe report = make_pipe().value();
  leader_ = fork();
  if (leader_ == 0) lead(report.write_end.get());
  report.write_end.reset();
  pids_.push_back(leader_);
  // The pipe ends when the last of them has executed sleep, and the leader has its threads.
  for (pid_t pid = 0; read(report.read_end.get(), &pid, sizeof pid) == sizeof pid;) pids_.push_back(pid);
}

PsFamily::~PsFamily() {
  kill(leader_, SIGKILL);
  waitpid(leader_, nullptr, 0);
}

}  // namespace rcrt::test
