// SPDX-License-Identifier: MIT
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/format.h"
#include "cli/listing.h"

namespace rcrt::cli {
namespace {

const po::options_description kNone("Options");

Result<int> ls(Context& context, const std::vector<std::string>& args) {
  auto own = list_options("network ls", "names only");
  RCRT_ASSIGN(auto line, context.parse("rcrt network ls", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt network ls"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  std::vector<Json> rows;
  for (const auto& network : engine->networks())
    rows.push_back({{"Name", network.name}, {"Driver", network.plugin}});
  RCRT_TRY(print_list(*line, rows, {{"NAME", "Name"}, {"DRIVER", "Driver"}}, "Name"));
  return 0;
}

Result<int> inspect(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of network inspect");
  own.add_options()("format,f", word("TEMPLATE"), "a template: {{.Driver}}");
  RCRT_ASSIGN(auto line, context.parse("rcrt network inspect NETWORK ...", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 1000, "rcrt network inspect NETWORK ..."));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  std::vector<Container> containers;
  for (const auto& id : engine->containers().ids())
    if (auto container = engine->containers().load(id)) containers.push_back(std::move(*container));
  Json list = Json::array();
  int code = for_each_word(line->words, [&](const std::string& name) -> Result<void> {
    RCRT_ASSIGN(NetworkChoice network, engine->find_network(name));
    RCRT_ASSIGN(Json status, engine->network_call(network.plugin, "status", {{"network", network.config}}));
    list.push_back(describe_network(network, status, containers));
    return {};
  });
  RCRT_TRY(print_inspected(*line, list));
  return code;
}

Result<int> connect(Context& context, const std::vector<std::string>& args) {
  const char* usage = "rcrt network connect NETWORK CONTAINER";
  RCRT_ASSIGN(auto line, context.parse(usage, kNone, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 2, 2, usage));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(Container container, context.container(line->words[1]));
  RCRT_TRY(engine->connect(line->words[0], container.id));
  return 0;
}

Result<int> disconnect(Context& context, const std::vector<std::string>& args) {
  const char* usage = "rcrt network disconnect NETWORK CONTAINER";
  RCRT_ASSIGN(auto line, context.parse(usage, kNone, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 2, 2, usage));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(Container container, context.container(line->words[1]));
  RCRT_TRY(engine->disconnect(line->words[0], container.id));
  return 0;
}

// A function of the network plugins that concerns no single container; the plugin is
// "bridge" unless named.
Result<Json> call(Context& context, const CommandLine& line, const char* function,
                  Json request = Json::object()) {
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(NetworkChoice network,
              engine->find_network(line.has("driver") ? line.text("driver") : "bridge"));
  return engine->network_call(network.plugin, function, std::move(request));
}

po::options_description driver_option() {
  po::options_description own("Options");
  own.add_options()("driver", word("PLUGIN"), "network plugin (bridge)");
  return own;
}

Result<int> teardown(Context& context, const std::vector<std::string>& args) {
  RCRT_ASSIGN(auto line, context.parse("rcrt network teardown", driver_option(), args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt network teardown"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  // Containers learn that they are disconnected; the plugin takes the rest down.
  for (const auto& id : engine->containers().ids()) {
    auto container = engine->containers().load(id);
    if (!container || container->status != Status::running) continue;
    for (const auto& attached : container->state.value("networks", Json::array())) {
      if (!leads_out(Json::array({attached}))) continue;
      if (auto done = engine->disconnect(attached.value("name", ""), id); !done)
        print_warning(done.error().message());
    }
  }
  RCRT_TRY(call(context, *line, "teardown"));
  engine->left_networks().clear();
  return 0;
}

Result<int> reload(Context& context, const std::vector<std::string>& args) {
  RCRT_ASSIGN(auto line, context.parse("rcrt network reload", driver_option(), args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt network reload"));
  RCRT_TRY(call(context, *line, "reconcile"));
  return 0;
}

Result<int> backups(Context& context, const std::vector<std::string>& args) {
  auto own = driver_option();
  own.add_options()("json", toggle(), "as JSON");
  RCRT_ASSIGN(auto line, context.parse("rcrt network backups", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt network backups"));
  RCRT_ASSIGN(Json result, call(context, *line, "backups"));
  Json list = result.value("backups", Json::array());
  if (line->flag("json")) {
    printf("%s\n", list.dump(2).c_str());
    return 0;
  }
  std::vector<std::vector<std::string>> rows = {{"ID", "TIME", "SIZE"}};
  for (const auto& backup : list)
    rows.push_back(
        {backup.value("id", ""), backup.value("time", ""), human_size(backup.value("size", uint64_t{0}))});
  fputs(table(rows).c_str(), stdout);
  return 0;
}

Result<int> restore(Context& context, const std::vector<std::string>& args) {
  auto own = driver_option();
  own.add_options()("yes,y", toggle(), "do it, after reading what cannot be preserved");
  RCRT_ASSIGN(auto line, context.parse("rcrt network restore [--yes] BACKUP", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 1, "rcrt network restore [--yes] BACKUP"));
  RCRT_ASSIGN(Json plan, call(context, *line, "restore", {{"id", line->words[0]}, {"confirm", false}}));
  for (const auto& sentence : plan.value("lost", std::vector<std::string>()))
    fprintf(stderr, "rcrt: restoring cannot preserve: %s\n", sentence.c_str());
  if (!line->flag("yes")) {
    fprintf(stderr, "rcrt: nothing has been changed; add --yes to restore all the same\n");
    return 1;
  }
  RCRT_TRY(call(context, *line, "restore", {{"id", line->words[0]}, {"confirm", true}}));
  return 0;
}

}  // namespace

Result<int> network_command(Context& context, const std::vector<std::string>& args) {
  static const std::vector<Command> commands = {
      {"ls", "list networks", ls},
      {"inspect", "show a network as JSON", inspect},
      {"connect", "connect a running container", connect},
      {"disconnect", "disconnect a running container", disconnect},
      {"teardown", "take all networks down and give the firewall back", teardown},
      {"reload", "put our rules back after somebody flushed them", reload},
      {"backups", "list saved rulesets", backups},
      {"restore", "put a saved ruleset back", restore},
  };
  return dispatch(context, "rcrt network", commands, args);
}

}  // namespace rcrt::cli
