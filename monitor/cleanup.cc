// SPDX-License-Identifier: MIT
#include <signal.h>

#include "monitor/monitor.h"

namespace rcrt::monitor {

void clean_up(const Monitor& monitor) {
  if (monitor.cleaned_up || monitor.plan == nullptr || monitor.plan->cleanup.count == 0) sys::exit(0);
  constexpr unsigned kMaxArguments = 64;  // the builder refuses more
  char* argv[kMaxArguments + 1];
  auto* arguments = plan::table<plan::Str>(monitor.plan, monitor.plan->cleanup);
  unsigned count = 0;
  for (; count < monitor.plan->cleanup.count && count < kMaxArguments; ++count)
    argv[count] = const_cast<char*>(monitor.string(arguments[count]));
  argv[count] = nullptr;
  char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  char* envp[] = {path, nullptr};

  sys::KernelSigaction action = {};
  for (int signal = 1; signal < 32; ++signal) sys::sigaction(signal, &action);
  sys::close_range(3, ~0U, 0);
  sys::execve(argv[0], argv, envp);
  sys::exit(125);
}

}  // namespace rcrt::monitor
