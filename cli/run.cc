// SPDX-License-Identifier: MIT
#include "cli/command.h"
#include "cli/foreground.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"
#include "cli/run_flags.h"

namespace rcrt::cli {

Result<int> run_command(Context& context, const std::vector<std::string>& args) {
  RCRT_ASSIGN(auto line, context.parse("rcrt run [OPTIONS] IMAGE [COMMAND [ARGUMENTS]]", run_flags(args),
                                       args, Stop::at_first_word));
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
  const bool proxy = !line->has("sig-proxy") || line->flag("sig-proxy");
  if (!options.detach) hand_over_signals(*engine, proxy);
  RCRT_ASSIGN(Running running, engine->start(options, policy));
  progress.finish();
  if (options.detach) {
    printf("%s\n", running.id.c_str());
    return 0;
  }
  return stay_with(context, running, proxy);
}

}  // namespace rcrt::cli
