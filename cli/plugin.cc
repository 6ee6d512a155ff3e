// SPDX-License-Identifier: MIT
#include "cli/command.h"
#include "cli/listing.h"

namespace rcrt::cli {
namespace {

Json describe_plugin(Engine& engine, const PluginFile& file) {
  Json json = {{"Kind", file.kind}, {"Name", file.name}, {"File", file.path}, {"Problem", file.problem}};
  if (!file.problem.empty()) return json;
  auto plugin = engine.plugins().load(file.kind, file.name);
  if (!plugin) {
    json["Problem"] = plugin.error().message();
    return json;
  }
  const rcrt_plugin& entry = (*plugin)->entry();
  auto text = [](const char* value) { return std::string(value != nullptr ? value : ""); };
  json["Version"] = text(entry.version);
  json["Description"] = text(entry.description);
  json["License"] = text(entry.license);
  json["ABI"] = std::to_string(entry.abi_major) + "." + std::to_string(entry.abi_minor);
  json["Interfaces"] = (*plugin)->interfaces();
  return json;
}

Result<int> ls(Context& context, const std::vector<std::string>& args) {
  auto own = list_options("plugin ls", "names only");
  RCRT_ASSIGN(auto line, context.parse("rcrt plugin ls", own, args));
  if (!line) return 0;
  RCRT_ASSIGN(Engine* const engine, context.engine());
  std::vector<Json> rows;
  for (const auto& file : engine->plugins().list()) {
    Json row = describe_plugin(*engine, file);
    row["Plugin"] = file.kind + "-" + file.name;
    if (std::string problem = row.value("Problem", ""); !problem.empty())
      row.update({{"Version", "-"}, {"Description", "unusable: " + problem}});
    rows.push_back(std::move(row));
  }
  RCRT_TRY(print_list(
      *line, rows, {{"PLUGIN", "Plugin"}, {"VERSION", "Version"}, {"DESCRIPTION", "Description"}}, "Plugin"));
  return 0;
}

Result<int> inspect(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of plugin inspect");
  own.add_options()("json", toggle(), "as JSON");
  RCRT_ASSIGN(auto line, context.parse("rcrt plugin inspect NAME ...", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 1000, "rcrt plugin inspect NAME ..."));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  auto files = engine->plugins().list();
  Json list = Json::array();
  bool refused = false;
  int code = for_each_word(line->words, [&](const std::string& name) -> Result<void> {
    bool found = false, usable = false;
    for (const auto& file : files) {
      if (name != file.kind + "-" + file.name && name != file.name) continue;
      found = true;
      list.push_back(describe_plugin(*engine, file));
      usable = usable || list.back().value("Problem", "").empty();
    }
    refused = refused || (found && !usable);
    if (!found) return error("no such plugin", name, "see `rcrt plugin ls`", ENOENT);
    return {};
  });
  if (refused) code = 1;
  if (line->flag("json")) {
    printf("%s\n", list.dump(2).c_str());
    return code;
  }
  for (const auto& json : list) {
    for (const char* member :
         {"Kind", "Name", "File", "Version", "Description", "License", "ABI", "Interfaces", "Problem"}) {
      auto found = json.find(member);
      if (found == json.end()) continue;
      const Json& value = *found;
      std::string text = value.is_string() ? value.get<std::string>() : "";
      if (value.is_array())
        for (const auto& word : value) text += (text.empty() ? "" : " ") + word.get<std::string>();
      if (value.is_string() && text.empty()) continue;
      printf("%-12s %s\n", (std::string(member) + ":").c_str(), text.c_str());
    }
  }
  return code;
}

}  // namespace

Result<int> plugin_command(Context& context, const std::vector<std::string>& args) {
  static const std::vector<Command> commands = {
      {"ls", "list plugins", ls},
      {"inspect", "show a plugin", inspect},
  };
  return dispatch(context, "rcrt plugin", commands, args);
}

}  // namespace rcrt::cli
