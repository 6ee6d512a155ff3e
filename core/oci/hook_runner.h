// SPDX-License-Identifier: MIT
// Hooks of the runtime's namespaces, when this process is going to leave them: a process of
// ours stays behind and runs them. It ends with the runner, and with us.
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"

namespace rcrt::oci {

struct Hook;

class HookRunner {
 public:
  // Call it where the hooks are to run, and in their working directory.
  static Result<HookRunner> start();
  HookRunner(HookRunner&& other) noexcept;
  HookRunner& operator=(HookRunner&&) = delete;
  ~HookRunner();

  // As run_hook().
  Result<void> run(const Hook& hook, const Json& state) const;

 private:
  HookRunner() = default;

  pid_t pid_ = -1;
  UniqueFd socket_;
};

}  // namespace rcrt::oci
