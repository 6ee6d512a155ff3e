// SPDX-License-Identifier: MIT
// system: recover, and cleanup: what the monitor becomes when a container has ended.
#include "base/version.h"
#include "cli/command.h"
#include "core/files.h"

namespace rcrt::cli {
namespace {

Result<int> recover(Context& context, const std::vector<std::string>& args) {
  RCRT_ASSIGN(auto line, context.parse("rcrt system recover",
                                       po::options_description("Options of system recover"), args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt system recover"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  auto treated = engine->recover();
  // Networks come last: containers that died hold on to them until here.
  std::vector<std::string> drivers;
  for (const auto& file : engine->plugins().list())
    if (file.kind == "net") drivers.push_back(file.name);
  auto idle = engine->idle_networks(drivers);
  engine->left_networks().clear();
  if (treated)
    for (const auto& id : *treated) printf("%s\n", id.c_str());
  if (!treated) return std::unexpected(treated.error());
  if (!idle) return std::unexpected(idle.error());
  return 0;
}

Result<int> cleanup(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of system cleanup");
  own.add_options()("idle", word("PLUGINS"), "network plugins to call when the container is gone");
  RCRT_ASSIGN(auto line, context.parse("rcrt system cleanup CONTAINER", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 1, "rcrt system cleanup CONTAINER"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  // The client may have undone the container before us; its networks are idled here.
  for (const auto& plugin : split_words(line->text("idle"), ',')) engine->left_networks().insert(plugin);
  RCRT_TRY(engine->clean_up(line->words[0]));
  return 0;
}

}  // namespace

Result<int> system_command(Context& context, const std::vector<std::string>& args) {
  static const std::vector<Command> commands = {
      {"df", "say what images, containers and volumes take on the disk", disk_usage_command},
      {"recover", "roll back what killed or crashed runs left behind", recover},
      {"cleanup", "clean up after one container (rcrt-monitor does this)", cleanup},
  };
  return dispatch(context, "rcrt system", commands, args);
}

Result<int> version_command(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of version");
  own.add_options()("json", toggle(), "as JSON");
  RCRT_ASSIGN(auto line, context.parse("rcrt version", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt version"));
  if (line->flag("json"))
    printf("%s\n",
           Json{{"version", std::string(RCRT_VERSION)},
                {"pluginInterface", std::to_string(RCRT_ABI_MAJOR) + "." + std::to_string(RCRT_ABI_MINOR)},
                {"ociSpec", "1.2.0"}}
               .dump()
               .c_str());
  else
    printf("rcrt version %s\nplugin interface %u.%u\nOCI runtime-spec 1.2.0\n", RCRT_VERSION, RCRT_ABI_MAJOR,
           RCRT_ABI_MINOR);
  return 0;
}

}  // namespace rcrt::cli
