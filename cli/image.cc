// SPDX-License-Identifier: MIT
// image, and the verbs that look at images or name them: tag, untag, history, image prune, image
// verify.
#include <algorithm>

#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/describe.h"
#include "cli/format.h"
#include "cli/image_filter.h"
#include "cli/listing.h"

namespace rcrt::cli {
namespace {

constexpr size_t kCommandWidth = 45;

}  // namespace

Result<int> tag_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt tag IMAGE NAME ...";
  RCRT_ASSIGN(auto line, context.parse(usage, po::options_description("Options of tag"), args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 2, 10000, usage));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  // Checked before anything is changed.
  std::vector<std::string> names;
  for (size_t i = 1; i < line->words.size(); ++i) {
    RCRT_ASSIGN(std::string name, normalize_reference(line->words[i]));
    if (name.find('@') != std::string::npos)
      return error("cannot give a digest as a name", line->words[i], "give a name and a tag", EINVAL);
    names.push_back(std::move(name));
  }
  RCRT_ASSIGN(const Image image, engine->find_image(line->words[0]));
  for (const std::string& name : names) RCRT_TRY(engine->images().tag(image.id, name));
  return 0;
}

Result<int> untag_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt untag IMAGE [NAME ...]";
  RCRT_ASSIGN(auto line, context.parse(usage, po::options_description("Options of untag"), args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 10000, usage));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(const ImageEntry entry, engine->images().find(line->words[0]));
  RCRT_ASSIGN(const auto same, engine->images().with_id(entry.id));
  std::vector<std::string> names;
  for (const ImageEntry& other : same)
    if (line->words.size() == 1 && !other.descriptor.name.empty()) names.push_back(other.descriptor.name);
  for (size_t i = 1; i < line->words.size(); ++i) {
    const std::string key = image_key(line->words[i]);
    for (const ImageEntry& other : same)
      if (other.key == key) names.push_back(other.descriptor.name);
    if (names.size() < i)
      return error("not a name of the image", line->words[i], "see `rcrt images`", ENOENT);
  }
  for (const std::string& name : names) RCRT_TRY(engine->images().untag(name, true));
  return 0;
}

Result<int> history_command(Context& context, const std::vector<std::string>& args) {
  auto own = list_options("history");
  own.add_options()("no-trunc", toggle(), "whole ids and commands");
  RCRT_ASSIGN(auto line, context.parse("rcrt history [OPTIONS] IMAGE", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 1, "rcrt history [OPTIONS] IMAGE"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(const Image image, engine->images().read(line->words[0]));
  const bool whole = wants_whole(*line);
  std::vector<Json> rows;
  size_t layer = 0;
  const Json history = image.config.value("history", Json());
  for (const Json& step : history.is_array() ? history : Json::array()) {
    if (!step.is_object()) continue;
    const bool empty = step.value("empty_layer", false);
    const uint64_t size = !empty && layer < image.blobs.size() ? image.blobs[layer++].size : 0;
    const int64_t created = parse_time(step.value("created", "")) * 1'000'000'000;
    std::string command = step.value("created_by", "");
    for (char& c : command)
      if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    if (!whole) command = shortened(command, kCommandWidth);
    rows.push_back({{"ID", "<missing>"},
                    {"CreatedAt", timestamp(created)},
                    {"CreatedSince", since(created)},
                    {"CreatedBy", command},
                    {"Size", human_size(size)},
                    {"Bytes", size},
                    {"Comment", step.value("comment", "")}});
  }
  if (!rows.empty()) rows.back()["ID"] = whole ? image.id : image.id.substr(7, 12);
  std::ranges::reverse(rows);
  RCRT_TRY(print_list(*line, rows,
                      {{"IMAGE", "ID"},
                       {"CREATED", "CreatedSince"},
                       {"CREATED BY", "CreatedBy"},
                       {"SIZE", "Size"},
                       {"COMMENT", "Comment"}}));
  return 0;
}

namespace {

Result<int> image_inspect(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt image inspect [OPTIONS] IMAGE ...";
  po::options_description own("Options of image inspect");
  own.add_options()("format,f", word("TEMPLATE"), "a template: {{.Config.Cmd}}");
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 10000, usage));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  Json list = Json::array();
  const int code = for_each_word(line->words, [&](const std::string& name) -> Result<void> {
    RCRT_ASSIGN(Json described, describe_image(*engine, name));
    list.push_back(std::move(described));
    return {};
  });
  RCRT_TRY(print_inspected(*line, list));
  return code;
}

Result<int> image_exists(Context& context, const std::vector<std::string>& args) {
  RCRT_ASSIGN(auto line, context.parse("rcrt image exists IMAGE",
                                       po::options_description("Options of image exists"), args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 1, "rcrt image exists IMAGE"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  auto found = engine->images().find(line->words[0]);
  if (!found && found.error().code != ENOENT) return std::unexpected(found.error());
  return found ? 0 : 1;
}

Result<int> image_prune(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of image prune");
  own.add_options()("all,a", toggle(),
                    "every image that no container uses, not only those without a name")  //
      ("force,f", toggle(), "ask nothing")                                                //
      ("filter", words("FILTER"), kImageFilters);
  RCRT_ASSIGN(auto line, context.parse("rcrt image prune", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt image prune"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(const auto filter, image_filter(*engine, line->list("filter")));
  const bool all = line->flag("all");
  if (!line->flag("force") && !confirmed(all ? "all images that no container uses"
                                             : "all images without a name that no container uses"))
    return 1;
  RCRT_ASSIGN(const PrunedImages pruned, engine->prune_images(all, filter));
  for (const RemovedImage& removed : pruned.removed) {
    for (const std::string& name : removed.names) printf("Untagged: %s\n", name.c_str());
    printf("Deleted: %s\n", removed.id.c_str());
  }
  printf("Total reclaimed space: %s\n", human_size(pruned.freed).c_str());
  return 0;
}

Result<int> image_verify(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt image verify [OPTIONS] [IMAGE ...]";
  po::options_description own("Options of image verify");
  own.add_options()("quick", toggle(), "blobs only, not what was unpacked of them")  //
      ("json", toggle(), "as JSON")                                                  //
      ("quiet,q", toggle(), "print problems only");
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(const Json verified, engine->verify_images(line->words, !line->flag("quick")));
  const Json problems = verified.value("problems", Json::array());
  if (line->flag("json")) {
    printf("%s\n", verified.dump(2).c_str());
    return problems.empty() ? 0 : 1;
  }
  for (const Json& problem : problems) {
    std::string images;
    for (const Json& image : problem.value("images", Json::array()))
      images += (images.empty() ? "" : ", ") + image.get<std::string>();
    printf("%s: %s%s%s\n", problem.value("object", "").c_str(), problem.value("what", "").c_str(),
           images.empty() ? "" : "; needed by ", images.c_str());
  }
  if (!line->flag("quiet"))
    printf("%llu blobs (%s) and %llu unpacked layers checked, %zu problems\n",
           static_cast<unsigned long long>(verified.value("blobs", uint64_t{0})),
           human_size(verified.value("bytes", uint64_t{0})).c_str(),
           static_cast<unsigned long long>(verified.value("layers", uint64_t{0})), problems.size());
  return problems.empty() ? 0 : 1;
}

}  // namespace

Result<int> image_command(Context& context, const std::vector<std::string>& args) {
  static const std::vector<Command> commands = {
      {"ls", "list images", images_command},
      {"inspect", "show all of an image as JSON", image_inspect},
      {"history", "show how an image was made", history_command},
      {"exists", "say by the exit code whether there is such an image", image_exists},
      {"tag", "give an image another name", tag_command},
      {"untag", "take names from an image", untag_command},
      {"rm", "remove images", rmi_command},
      {"prune", "remove images that nothing needs", image_prune},
      {"verify", "read everything again and compare", image_verify},
      {"load", "load images from an archive or folder", load_command},
      {"save", "save images to an archive or folder", save_command},
      {"pull", "fetch an image from a registry", pull_command},
      {"push", "bring an image to a registry", push_command},
      {"import", "make an image from a tar archive or directory", import_command},
      {"unpack", "write an image's file system into a directory", unpack_command},
  };
  return dispatch(context, "rcrt image", commands, args);
}

}  // namespace rcrt::cli
