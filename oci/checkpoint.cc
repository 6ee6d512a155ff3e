// SPDX-License-Identifier: MIT
// rcrt-checkpoint: the commands checkpoint and restore.
#include "core/oci/checkpoint.h"

#include "oci/checkpoint_options.h"
#include "oci/command.h"
#include "oci/foreground.h"

namespace rcrt::oci {
namespace {

Result<CriuOptions> criu_options(const Context& context, const Arguments& arguments) {
  CriuOptions options;
  if (!context.criu.empty()) options.program = context.criu;
  RCRT_ASSIGN(options.images,
              absolute(arguments.has("image-path") ? arguments.text("image-path") : "checkpoint"));
  RCRT_ASSIGN(options.work, absolute(arguments.text("work-path")));
  options.cgroup_mode = arguments.text("manage-cgroups-mode");
  for (const auto& name : arguments.texts("empty-ns"))
    if (name != "network") return error("namespace is not supported", name, "use network", EINVAL);
  for (const auto& one : common_switches()) options.*one.member = arguments.flag(one.option.name);
  return options;
}

Result<int> checkpoint_command(Context& context, const Arguments& arguments) {
  RCRT_ASSIGN(CriuOptions options, criu_options(context, arguments));
  for (const auto& one : checkpoint_switches()) options.*one.member = arguments.flag(one.option.name);
  options.parent = arguments.text("parent-path");
  options.page_server = arguments.text("page-server");
  if (arguments.has("status-fd")) {
    RCRT_ASSIGN(int64_t fd, number(arguments.text("status-fd"), "status-fd"));
    options.status_fd = static_cast<int>(fd);
  }
  RCRT_TRY(context.runtime().checkpoint(arguments.words[0], options));
  return 0;
}

Result<int> restore_command(Context& context, const Arguments& arguments) {
  RCRT_ASSIGN(CriuOptions criu, criu_options(context, arguments));
  criu.lsm_profile = arguments.text("lsm-profile");
  criu.lsm_mount_context = arguments.text("lsm-mount-context");
  CreateOptions options;
  options.id = arguments.words[0];
  options.bundle = arguments.text("bundle");
  RCRT_ASSIGN(options.console_socket, absolute(arguments.text("console-socket")));
  RCRT_ASSIGN(options.pid_file, absolute(arguments.text("pid-file")));
  options.wait_for_start = false;
  options.detached = arguments.flag("detach");
  if (!options.detached) hold_signals();
  RCRT_ASSIGN(Running running, context.runtime().restore(options, criu));
  if (options.detached) return 0;
  return wait_and_delete(context.runtime(), options.id, running, arguments.flag("keep"));
}

}  // namespace

std::vector<Command> all_commands() { return checkpoint_commands(checkpoint_command, restore_command); }

}  // namespace rcrt::oci
