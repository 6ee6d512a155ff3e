// SPDX-License-Identifier: MIT
// volume ls, create, inspect, rm, prune.
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/format.h"
#include "cli/listing.h"

namespace rcrt::cli {
namespace {

Json row_of(const Volume& volume) {
  return {{"Name", volume.name},
          {"Driver", "local"},
          {"Scope", "local"},
          {"Mountpoint", volume.data},
          {"CreatedAt", timestamp(volume.created)},
          {"Labels", volume.labels},
          {"Anonymous", volume.anonymous}};
}

Result<Json> labels_of(const CommandLine& line) {
  Json labels = Json::object();
  for (const auto& label : line.list("label")) {
    auto equals = label.find('=');
    if (equals == 0) return error("invalid --label", label, "write it as KEY=VALUE", EINVAL);
    labels[label.substr(0, equals)] = equals == std::string::npos ? "" : label.substr(equals + 1);
  }
  return labels;
}

Result<bool> passes(Engine& engine, const Volume& volume, const std::vector<std::string>& filters) {
  for (const auto& filter : filters) {
    auto equals = filter.find('=');
    std::string key = filter.substr(0, equals);
    std::string value = equals == std::string::npos ? "" : filter.substr(equals + 1);
    bool holds = false;
    if (key == "name") {
      holds = volume.name.find(value) != std::string::npos;
    } else if (key == "dangling" && (value == "true" || value == "false")) {
      holds = engine.volume_users(volume.name).empty() == (value == "true");
    } else if (key == "label") {
      auto second = value.find('=');
      auto label = volume.labels.find(value.substr(0, second));
      holds =
          label != volume.labels.end() && (second == std::string::npos || *label == value.substr(second + 1));
    } else {
      return error("unknown filter", filter, "known: name=TEXT, dangling=true|false, label=KEY[=VALUE]",
                   EINVAL);
    }
    if (!holds) return false;
  }
  return true;
}

Result<int> ls(Context& context, const std::vector<std::string>& args) {
  auto own = list_options("volume ls", "names only");
  own.add_options()("filter,f", words("FILTER"), "name=TEXT, dangling=true|false or label=KEY[=VALUE]");
  RCRT_ASSIGN(auto line, context.parse("rcrt volume ls", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt volume ls"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  std::vector<Json> rows;
  for (const auto& volume : engine->volumes().list()) {
    RCRT_ASSIGN(bool shown, passes(*engine, volume, line->list("filter")));
    if (shown) rows.push_back(row_of(volume));
  }
  RCRT_TRY(print_list(*line, rows, {{"DRIVER", "Driver"}, {"VOLUME NAME", "Name"}}, "Name"));
  return 0;
}

Result<int> create(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of volume create");
  own.add_options()("label", words("KEY=VALUE"), "label");
  RCRT_ASSIGN(auto line, context.parse("rcrt volume create [NAME]", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 1, "rcrt volume create [NAME]"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(Json labels, labels_of(*line));
  bool anonymous = line->words.empty();
  std::string name;
  if (anonymous) {
    RCRT_ASSIGN(name, new_id());
  } else {
    name = line->words[0];
  }
  RCRT_TRY(engine->volumes().create(name, anonymous, labels));
  printf("%s\n", name.c_str());
  return 0;
}

Result<int> inspect(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of volume inspect");
  own.add_options()("format,f", word("TEMPLATE"), "a template: {{.Mountpoint}}");
  const char* usage = "rcrt volume inspect VOLUME ...";
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 1000, usage));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  Json list = Json::array();
  int code = for_each_word(line->words, [&](const std::string& name) -> Result<void> {
    RCRT_ASSIGN(Volume volume, engine->volumes().load(name));
    list.push_back(row_of(volume));
    return {};
  });
  RCRT_TRY(print_inspected(*line, list));
  return code;
}

Result<int> rm(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of volume rm");
  own.add_options()("force,f", toggle(), "one that does not exist is no error");
  const char* usage = "rcrt volume rm [-f] VOLUME ...";
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 10000, usage));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  return for_each_word(line->words, [&](const std::string& name) -> Result<void> {
    auto removed = engine->remove_volume(name);
    if (!removed && removed.error().code == ENOENT && line->flag("force")) return {};
    RCRT_TRY(removed);
    printf("%s\n", name.c_str());
    return {};
  });
}

Result<int> prune(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of volume prune");
  own.add_options()("all,a", toggle(), "named ones too, not only the anonymous")  //
      ("force,f", toggle(), "do not ask");
  RCRT_ASSIGN(auto line, context.parse("rcrt volume prune [-a] [-f]", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt volume prune [-a] [-f]"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  bool all = line->flag("all");
  if (!line->flag("force") &&
      !confirmed(all ? "all volumes that no container uses" : "all anonymous volumes that no container uses"))
    return 1;
  std::vector<std::string> names;
  for (const auto& volume : engine->volumes().list())
    if ((all || volume.anonymous) && engine->volume_users(volume.name).empty()) names.push_back(volume.name);
  return for_each_word(names, [&](const std::string& name) -> Result<void> {
    auto removed = engine->volumes().remove(name);
    // Somebody has begun to use it, or removed it.
    if (!removed && (removed.error().code == EBUSY || removed.error().code == ENOENT)) return {};
    RCRT_TRY(removed);
    printf("%s\n", name.c_str());
    return {};
  });
}

}  // namespace

Result<int> volume_command(Context& context, const std::vector<std::string>& args) {
  static const std::vector<Command> commands = {
      {"ls", "list volumes", ls},
      {"create", "make a volume", create},
      {"inspect", "show a volume as JSON", inspect},
      {"rm", "remove volumes", rm},
      {"prune", "remove volumes that no container uses", prune},
  };
  return dispatch(context, "rcrt volume", commands, args);
}

}  // namespace rcrt::cli
