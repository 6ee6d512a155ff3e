// SPDX-License-Identifier: MIT
// create, start.
#include "cli/command.h"
#include "cli/foreground.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"
#include "cli/run_flags.h"
#include "core/terminal.h"

namespace rcrt::cli {

Result<int> create_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt create [OPTIONS] IMAGE [COMMAND [ARGUMENTS]]";
  RCRT_ASSIGN(auto line, context.parse(usage, container_flags(args), args, Stop::at_first_word));
  if (!line) return 0;
  if (line->words.empty()) return error("no image", "", "usage: " + usage, EINVAL);
  RCRT_ASSIGN(const RunOptions options, run_options(*line, context.globals));
  RCRT_ASSIGN(PullPolicy policy, pull_policy(*line));
  ProgressView progress(line->flag("quiet") ? ProgressMode::none : default_progress());
  policy.progress = progress.sink();
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(const std::string id, engine->create(options, policy));
  progress.finish();
  printf("%s\n", id.c_str());
  return 0;
}

Result<int> start_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt start [OPTIONS] CONTAINER ...";
  po::options_description own("Options of start");
  own.add_options()("attach,a", toggle(), "stay with it: its output, signals, and its exit code")  //
      ("interactive,i", toggle(),
       "the same, with standard input, if it was made with --interactive")  //
      ("sig-proxy", toggle(), "false: signals to rcrt are not passed on");
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 10000, usage));
  Client client;
  client.interactive = line->flag("interactive");
  client.attached = line->flag("attach") || client.interactive;
  std::tie(client.rows, client.columns) = terminal_size();
  RCRT_ASSIGN(Engine* const engine, context.engine());
  if (client.attached) {
    if (line->words.size() > 1)
      return error("cannot stay with several containers", line->words[1], "start them without --attach",
                   EINVAL);
    RCRT_ASSIGN(const Container container, context.container(line->words[0]));
    const bool proxy = !line->has("sig-proxy") || line->flag("sig-proxy");
    hand_over_signals(*engine, proxy);
    RCRT_ASSIGN(Running running, engine->start(container.id, client));
    return stay_with(context, running, proxy);
  }
  return for_each_word(line->words, [&](const std::string& name) -> Result<void> {
    RCRT_ASSIGN(const Container container, context.container(name));
    auto running = engine->start(container.id, client);
    if (!running && running.error().code != EALREADY) return std::unexpected(running.error());
    printf("%s\n", name.c_str());
    return {};
  });
}

}  // namespace rcrt::cli
