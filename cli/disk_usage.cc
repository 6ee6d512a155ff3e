// SPDX-License-Identifier: MIT
// system df.
#include <algorithm>

#include "cli/command.h"
#include "cli/describe.h"
#include "cli/format.h"
#include "cli/listing.h"

namespace rcrt::cli {
namespace {

// "1.2MB (34%)".
std::string share(uint64_t part, uint64_t whole) {
  return human_size(part) + " (" + std::to_string(whole == 0 ? 0 : part * 100 / whole) + "%)";
}

std::string short_id(const std::string& id) { return id.substr(id.find(':') + 1).substr(0, 12); }

std::vector<Json> summary(const DiskUsage& usage) {
  std::vector<std::string> ids;
  size_t active_images = 0;
  for (const auto& image : usage.images) {
    if (std::ranges::find(ids, image.entry.id) != ids.end()) continue;
    ids.push_back(image.entry.id);
    if (image.containers > 0) ++active_images;
  }
  uint64_t containers_size = 0, idle_size = 0;
  size_t running = 0;
  for (const auto& container : usage.containers) {
    containers_size += container.size;
    if (container.container.status == Status::running)
      ++running;
    else
      idle_size += container.size;
  }
  auto row = [](const char* type, size_t total, size_t active, uint64_t size, uint64_t reclaimable) {
    return Json{{"Type", type},
                {"TotalCount", std::to_string(total)},
                {"Active", std::to_string(active)},
                {"Size", human_size(size)},
                {"Bytes", size},
                {"Reclaimable", share(reclaimable, size)},
                {"ReclaimableBytes", reclaimable}};
  };
  uint64_t volumes_size = 0, idle_volumes = 0;
  size_t used_volumes = 0;
  for (const auto& volume : usage.volumes) {
    volumes_size += volume.size;
    if (volume.containers > 0)
      ++used_volumes;
    else
      idle_volumes += volume.size;
  }
  return {row("Images", ids.size(), active_images, usage.images_size, usage.images_reclaimable),
          row("Containers", usage.containers.size(), running, containers_size, idle_size),
          row("Local Volumes", usage.volumes.size(), used_volumes, volumes_size, idle_volumes)};
}

void print_details(const DiskUsage& usage) {
  std::vector<std::vector<std::string>> images = {
      {"REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"}};
  for (const auto& image : usage.images) {
    const auto [repository, tag] = split_name(image.entry.key);
    images.push_back({repository, tag, short_id(image.entry.id), since(image.entry.created * 1'000'000'000),
                      human_size(image.size), human_size(image.size - image.unique), human_size(image.unique),
                      std::to_string(image.containers)});
  }
  std::vector<std::vector<std::string>> containers = {
      {"CONTAINER ID", "IMAGE", "COMMAND", "SIZE", "STATUS", "NAMES"}};
  for (const auto& one : usage.containers)
    containers.push_back({short_id(one.container.id), one.container.config.value("image", ""),
                          command_text(one.container), human_size(one.size), status_text(one.container),
                          one.container.name()});
  std::vector<std::vector<std::string>> volumes = {{"VOLUME NAME", "LINKS", "SIZE"}};
  for (const auto& volume : usage.volumes)
    volumes.push_back({volume.name, std::to_string(volume.containers), human_size(volume.size)});
  printf("Images:\n\n%s\nContainers:\n\n%s\nLocal Volumes:\n\n%s", table(images).c_str(),
         table(containers).c_str(), table(volumes).c_str());
}

}  // namespace

Result<int> disk_usage_command(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of system df");
  own.add_options()("verbose,v", toggle(), "every image, container and volume")  //
      ("json", toggle(), "one JSON array")                                       //
      ("format", word("TEMPLATE"), "json, or a template: {{.Type}} {{.Size}}");
  RCRT_ASSIGN(auto line, context.parse("rcrt system df [OPTIONS]", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt system df [OPTIONS]"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  const DiskUsage usage = engine->disk_usage();
  if (line->flag("verbose"))
    print_details(usage);
  else
    RCRT_TRY(print_list(*line, summary(usage),
                        {{"TYPE", "Type"},
                         {"TOTAL", "TotalCount"},
                         {"ACTIVE", "Active"},
                         {"SIZE", "Size"},
                         {"RECLAIMABLE", "Reclaimable"}}));
  return 0;
}

}  // namespace rcrt::cli
