// SPDX-License-Identifier: MIT
// Hooks: programs of the user's, run at points of a container's life with its state on
// their standard input.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"

namespace rcrt::oci {

class HookRunner;

struct Hook {
  std::string where;  // "hooks.poststop[0]", for errors
  std::string path;
  std::vector<std::string> args, env;
  int timeout = 0;  // seconds; 0: none
};

// All of one kind, checked. `kind` is the member's name.
Result<std::vector<Hook>> read_hooks(const Json& config, const char* kind);
// The kinds there are; every hook of a configuration is checked before anything is made.
inline constexpr const char* kHookKinds[] = {"prestart",       "createRuntime", "createContainer",
                                             "startContainer", "poststart",     "poststop"};
Result<void> check_hooks(const Json& config);
bool has_hooks(const Json& config, const char* kind);

// The state as a file, read from its beginning.
Result<UniqueFd> state_file(const Json& state);
// A file for what a hook writes, and the Error of one that failed: `how` is what became of it.
Result<UniqueFd> output_file();
std::unexpected<Error> hook_error(const Hook& hook, const std::string& how, int output);
// "failed with exit status 3", of a status as wait(2) gives it; empty when it succeeded.
std::string failure_of(const Hook& hook, bool timed_out, int status);

// Where a hook runs: here, in the namespaces of a process, with the root that it sees, or
// where a runner is.
struct HookPlace {
  int pidfd = -1;
  uint32_t namespaces = 0;  // CLONE_NEW* to join
  int root = -1;            // becomes "/" after joining
  int directory = -1;       // the working directory
  const HookRunner* runner = nullptr;
};

// Runs one; an Error when it could not be run, failed, or took longer than its timeout.
Result<void> run_hook(const Hook& hook, const Json& state, const HookPlace& place = {});
// All, in order; stops at the first that fails.
Result<void> run_hooks(const Json& config, const char* kind, const Json& state, const HookPlace& place = {});

}  // namespace rcrt::oci
