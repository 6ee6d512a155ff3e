// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <utility>

#include "cli/attach.h"
#include "cli/command.h"
#include "cli/go_on.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"
#include "cli/run_flags.h"

namespace rcrt::cli {

Result<int> run_command(Context& context, const std::vector<std::string>& args) {
  RCRT_ASSIGN(auto line, context.parse("rcrt run [OPTIONS] IMAGE [COMMAND [ARGUMENTS]]", run_flags(), args,
                                       Stop::at_first_word));
  if (!line) return 0;
  if (line->words.empty())
    return error("no image", "", "usage: rcrt run [OPTIONS] IMAGE [COMMAND]; `busybox` is built in", EINVAL);
  RCRT_ASSIGN(RunOptions options, run_options(*line, context.globals));
  RCRT_ASSIGN(PullPolicy policy, pull_policy(*line));
  ProgressView progress(line->flag("quiet") ? ProgressMode::none : default_progress());
  policy.progress = progress.sink();
  RCRT_ASSIGN(Engine* const engine, context.engine());
  if (line->flag("explain")) {
    RCRT_ASSIGN(Json plan, engine->explain(options));
    printf("%s\n", plan.dump(2).c_str());
    return 0;
  }
  if (!options.detach) hold_signals();
  RCRT_ASSIGN(Running running, engine->start(options, policy));
  progress.finish();
  if (options.detach) {
    printf("%s\n", running.id.c_str());
    return 0;
  }
  RCRT_ASSIGN(ExitRecord record, attach(running, {options.tty, options.interactive}));
  bool cleaned = false;
  auto clean_up = [&] {
    if (std::exchange(cleaned, true)) return;
    running.launcher.settle();
    auto undone = engine->clean_up(running.id);
    if (undone)
      running.launcher.cleaned_up();
    else
      print_warning("clean-up is not complete, `rcrt system recover` retries it: " +
                    undone.error().message());
  };
  // The exit code is reported first, and the clean-up done while the caller goes on. Not
  // where somebody may want at once what it gives back: a published port, an address.
  if (!options.ports.empty() || !options.ip.empty() || !options.ip6.empty()) clean_up();
  exit_and_go_on(record.exit_code, [&] {
    clean_up();
    context.idle_networks_after_pause();
  });
  clean_up();
  return record.exit_code;
}

}  // namespace rcrt::cli
