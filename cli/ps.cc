// SPDX-License-Identifier: MIT
#include <algorithm>

#include "cli/command.h"
#include "cli/container_filter.h"
#include "cli/describe.h"
#include "cli/format.h"
#include "cli/listing.h"

namespace rcrt::cli {
namespace {

constexpr size_t kShortId = 12;
constexpr size_t kCommandWidth = 20;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

std::string mount_names(const Container& container) {
  std::vector<std::string> names;
  for (const auto& mount : mounts_of(container))
    names.push_back(mount.value("Name", mount.value("Source", "")));
  return joined(names);
}

Json row_of(const Container& container, bool whole) {
  std::string command = command_text(container);
  if (!whole) command = shortened(command, kCommandWidth);
  return {{"ID", whole ? container.id : container.id.substr(0, kShortId)},
          {"Image", container.config.value("image", "")},
          {"Command", "\"" + command + "\""},
          {"CreatedAt", timestamp(container.config.value("created", int64_t{0}))},
          {"RunningFor",
           container.config.empty() ? "" : age(container.config.value("created", int64_t{0})) + " ago"},
          {"State", status_name(container.status)},
          {"Status", status_text(container)},
          {"Ports", ports_text(container)},
          {"Names", container.name()},
          {"Networks", joined(networks_of(container))},
          {"Mounts", mount_names(container)},
          {"Labels", container.config.value("labels", Json::object())}};
}

// "12kB (virtual 4.1MB)": what is its own, and with its image.
std::string size_text(Engine& engine, const Container& container) {
  const uint64_t own = engine.container_size(container);
  const auto image = engine.images().find(container.config.value("imageId", ""));
  return human_size(own) + " (virtual " + human_size(own + (image ? image->size : 0)) + ")";
}

}  // namespace

Result<int> ps_command(Context& context, const std::vector<std::string>& args) {
  auto own = list_options("ps");
  own.add_options()                                                                                      //
      ("all,a", toggle(), "also those that do not run")                                                  //
      ("filter,f", words("FILTER"), kContainerFilters)                                                   //
      ("last,n", po::value<unsigned>()->value_name("N"), "the last N made, also those that do not run")  //
      ("latest,l", toggle(), "the same as --last=1")                                                     //
      ("no-trunc", toggle(), "whole ids and commands")                                                   //
      ("size,s", toggle(), "how much each takes on disk, and with its image");
  RCRT_ASSIGN(auto line, context.parse("rcrt ps [-a]", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt ps [-a]"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(ContainerFilter filter, container_filter(*engine, line->list("filter")));
  const bool last = line->has("last") || line->flag("latest");
  const bool all = line->flag("all") || last || filter.all;
  std::vector<Container> containers;
  for (const auto& id : engine->containers().ids()) {
    // A dead one is rolled back by whoever meets it.
    if (auto treated = context.recover(id); !treated) print_warning(treated.error().message());
    auto container = engine->containers().load(id);
    if (!container) continue;                                                      // removed meanwhile
    if (container->config.empty() && container->status != Status::dead) continue;  // on its way in or out
    if ((container->status == Status::running || all) && filter.fits(*container))
      containers.push_back(std::move(*container));
  }
  std::ranges::sort(containers, [](const Container& a, const Container& b) {
    return a.config.value("created", int64_t{0}) > b.config.value("created", int64_t{0});
  });
  size_t most = !last ? containers.size() : line->flag("latest") ? 1 : line->options["last"].as<unsigned>();
  if (containers.size() > most) containers.resize(most);
  const bool sizes = line->flag("size") || line->text("format").find(".Size") != std::string::npos;
  std::vector<Json> rows;
  for (const auto& container : containers) {
    rows.push_back(row_of(container, wants_whole(*line)));
    if (sizes) rows.back()["Size"] = size_text(*engine, container);
  }
  std::vector<Column> columns = {{"CONTAINER ID", "ID"},    {"IMAGE", "Image"},   {"COMMAND", "Command"},
                                 {"CREATED", "RunningFor"}, {"STATUS", "Status"}, {"PORTS", "Ports"},
                                 {"NAMES", "Names"}};
  if (sizes) columns.push_back({"SIZE", "Size"});
  RCRT_TRY(print_list(*line, rows, columns));
  return 0;
}

Result<int> inspect_command(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of inspect");
  own.add_options()                                                      //
      ("format,f", word("TEMPLATE"), "a template: {{.State.ExitCode}}")  //
      ("type", word("TYPE"), "container or image");
  RCRT_ASSIGN(auto line, context.parse("rcrt inspect CONTAINER|IMAGE ...", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 1000, "rcrt inspect CONTAINER|IMAGE ..."));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  std::string type = line->text("type");
  if (!type.empty() && type != "container" && type != "image")
    return error("unknown type", type, "use container or image", EINVAL);
  Json list = Json::array();
  int code = for_each_word(line->words, [&](const std::string& name) -> Result<void> {
    if (type != "image") {
      auto container = context.container(name);
      if (container) {
        list.push_back(describe(*container, engine->paths()));
        return {};
      }
      if (container.error().code != ENOENT || type == "container") return std::unexpected(container.error());
    }
    auto image = describe_image(*engine, name);
    if (!image && image.error().code == ENOENT && type.empty())
      return error("no such container or image", name, "see `rcrt ps -a` and `rcrt images`", ENOENT);
    if (!image) return std::unexpected(image.error());
    list.push_back(std::move(*image));
    return {};
  });
  RCRT_TRY(print_inspected(*line, list));
  return code;
}

}  // namespace rcrt::cli
