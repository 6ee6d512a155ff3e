// SPDX-License-Identifier: MIT
// A caller who is not root. This process enters the container's user namespace, and in it a
// mount namespace of its own, before it makes anything: there it may do what root may elsewhere,
// and all that follows is the same for both.
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/oci/namespaces.h"
#include "core/oci/runtime.h"
#include "core/plan_builder.h"
#include "core/user_namespace.h"

namespace rcrt::oci {
namespace {

Result<UniqueFd> open_user_namespace(const std::string& path) {
  UniqueFd space(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!space) return errno_error("cannot open the user namespace", path);
  return space;
}

}  // namespace

Result<void> Runtime::enter_new(const Json& config) {
  if (geteuid() == 0) return {};
  RCRT_ASSIGN(PlanDraft draft, build_plan(config));
  if (!draft.has(CLONE_NEWUSER))
    return error("invalid configuration: linux.namespaces: a rootless container requires a user namespace",
                 {}, "add one with mappings, as `rcrt-oci spec --rootless` has it, or run as root", EINVAL);
  UniqueFd space;
  if (draft.is_new(CLONE_NEWUSER)) {
    RCRT_ASSIGN(space, make_user_namespace(draft.uid_map, draft.gid_map));
  } else {
    RCRT_ASSIGN(space, open_user_namespace(namespace_path(config, "user")));
  }
  return enter(space.get(), config);
}

Result<void> Runtime::enter_of(const Record& record, const Json& config) {
  if (geteuid() == 0 || entered_) return {};
  RCRT_ASSIGN(UniqueFd space, open_user_namespace("/proc/" + std::to_string(record.pid) + "/ns/user"));
  if (!process_of(record)) return error("container not running", record.id);
  return enter(space.get(), config);
}

Result<void> Runtime::enter(int space, const Json& config) {
  if (config.contains("hooks")) {
    RCRT_ASSIGN(HookRunner runner, HookRunner::start());
    hook_runner_.emplace(std::move(runner));
  }
  // In that namespace the container may be root, too, and trace whom it sees.
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return errno_error("cannot protect this process");
  if (setns(space, CLONE_NEWUSER) != 0) return errno_error("cannot join the container's user namespace");
  if (unshare(CLONE_NEWNS) != 0) return errno_error("cannot make a mount namespace");
  entered_ = true;
  return {};
}

HookPlace Runtime::runtime_place() const {
  HookPlace place;
  if (hook_runner_) place.runner = &*hook_runner_;
  return place;
}

}  // namespace rcrt::oci
