// SPDX-License-Identifier: MIT
// images, rmi, unpack.
#include <algorithm>
#include <functional>
#include <set>

#include "cli/command.h"
#include "cli/describe.h"
#include "cli/format.h"
#include "cli/image_filter.h"
#include "cli/listing.h"

namespace rcrt::cli {

Result<int> images_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt images [OPTIONS] [NAME]";
  auto own = list_options("images");
  own.add_options()("all,a", toggle(), "all images, as is the rule; for scripts made for docker")  //
      ("digests", toggle(), "with the manifests' digests")                                         //
      ("filter,f", words("FILTER"), kImageFilters)                                                 //
      ("no-trunc", toggle(), "whole ids");
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 1, usage));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  std::vector<std::string> filters = line->list("filter");
  if (!line->words.empty()) filters.push_back("reference=" + line->words[0]);
  RCRT_ASSIGN(const auto wanted, image_filter(*engine, filters));
  // A plain name is looked up, whatever the number of images.
  const bool plain = !line->words.empty() && !is_pattern(line->words[0]);
  RCRT_ASSIGN(auto images, plain ? engine->images().named(line->words[0]) : engine->images().list());
  std::ranges::stable_sort(images, std::greater(), &ImageEntry::created);
  std::vector<Column> columns = {{"REPOSITORY", "Repository"},
                                 {"TAG", "Tag"},
                                 {"IMAGE ID", "ID"},
                                 {"CREATED", "CreatedSince"},
                                 {"SIZE", "Size"}};
  if (line->flag("digests")) columns.insert(columns.begin() + 2, {"DIGEST", "Digest"});
  std::vector<Json> rows;
  for (const auto& image : images) {
    if (!wanted(image)) continue;
    const auto [repository, tag] = split_name(image.key);
    std::string id = image.id;
    if (!wants_whole(*line)) id = id.substr(id.find(':') + 1).substr(0, 12);
    const int64_t created = image.created * 1'000'000'000;
    rows.push_back({{"Repository", repository},
                    {"Tag", tag},
                    {"ID", id},
                    {"Digest", image.digest},
                    {"CreatedAt", timestamp(created)},
                    {"CreatedSince", since(created)},
                    {"Size", human_size(image.size)},
                    {"Bytes", image.size}});
  }
  // An image with two names is one id.
  if (line->flag("quiet")) {
    std::set<std::string> seen;
    std::erase_if(rows, [&](const Json& row) { return !seen.insert(row.value("ID", "")).second; });
  }
  RCRT_TRY(print_list(*line, rows, columns));
  return 0;
}

Result<int> rmi_command(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of rmi");
  own.add_options()("force,f", toggle(), "also when containers use it (they keep its layers)");
  RCRT_ASSIGN(auto line, context.parse("rcrt rmi IMAGE ...", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 10000, "rcrt rmi IMAGE ..."));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  return for_each_word(line->words, [&](const std::string& name) -> Result<void> {
    RCRT_ASSIGN(const RemovedImage removed, engine->remove_image(name, line->flag("force")));
    for (const std::string& gone : removed.names) printf("Untagged: %s\n", gone.c_str());
    if (!removed.id.empty()) printf("Deleted: %s\n", removed.id.c_str());
    return {};
  });
}

Result<int> unpack_command(Context& context, const std::vector<std::string>& args) {
  RCRT_ASSIGN(auto line,
              context.parse("rcrt unpack IMAGE DIR", po::options_description("Options of unpack"), args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 2, 2, "rcrt unpack IMAGE DIR"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_TRY(engine->unpack(line->words[0], line->words[1]));
  return 0;
}

}  // namespace rcrt::cli
