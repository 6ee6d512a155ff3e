// SPDX-License-Identifier: MIT
// import, images, rmi, unpack.
#include "cli/command.h"
#include "cli/format.h"
#include "cli/listing.h"

namespace rcrt::cli {

namespace {

// {"/data": {}, ...} of `["/data", ...]` or of words.
void add_keys(Json& set, const std::string& value) {
  Json list = Json::parse(value, nullptr, false);
  if (!list.is_array()) list = split_words(value, ' ');
  for (const auto& entry : list)
    if (entry.is_string() && entry != "") set[entry.get<std::string>()] = Json::object();
}

Result<void> apply_instruction(Json& config, const std::string& key, const std::string& value,
                               const std::string& whole) {
  auto equals = value.find('=');
  Json command = Json::parse(value, nullptr, false);
  if (!command.is_array()) command = Json{"/bin/sh", "-c", value};
  if (key == "CMD")
    config["Cmd"] = command;
  else if (key == "ENTRYPOINT")
    config["Entrypoint"] = command;
  else if (key == "ENV" && equals != std::string::npos && equals > 0)
    config["Env"].push_back(value);
  else if (key == "LABEL" && equals != std::string::npos && equals > 0)
    config["Labels"][value.substr(0, equals)] = value.substr(equals + 1);
  else if (key == "USER")
    config["User"] = value;
  else if (key == "WORKDIR")
    config["WorkingDir"] = value;
  else if (key == "STOPSIGNAL")
    config["StopSignal"] = value;
  else if (key == "VOLUME")
    add_keys(config["Volumes"], value);
  else if (key == "EXPOSE")
    add_keys(config["ExposedPorts"], value);
  else
    return error("invalid --change", whole,
                 "known: CMD, ENTRYPOINT, ENV KEY=VALUE, EXPOSE, LABEL KEY=VALUE, STOPSIGNAL, USER, VOLUME, "
                 "WORKDIR",
                 EINVAL);
  return {};
}

}  // namespace

Result<int> import_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt import [--change INSTRUCTION] ROOTFS.tar|DIR NAME";
  po::options_description own("Options of import");
  own.add_options()(
      "change,c", words("INSTRUCTION"),
      "CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME or WORKDIR as in a Dockerfile")  //
      ("quiet,q", toggle(), "print nothing");
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 2, 2, usage));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  Json config = Json::object();
  for (const auto& change : line->list("change")) {
    auto space = change.find(' ');
    std::string key = change.substr(0, space);
    std::string value = space == std::string::npos ? "" : change.substr(space + 1);
    RCRT_TRY(apply_instruction(config, key, value, change));
  }
  RCRT_ASSIGN(std::string id, engine->import(line->words[0], line->words[1], config));
  if (!line->flag("quiet")) printf("%s\n", id.c_str());
  return 0;
}

Result<int> images_command(Context& context, const std::vector<std::string>& args) {
  auto own = list_options("images");
  own.add_options()("no-trunc", toggle(), "whole ids")  //
      ("digests", toggle(), "with the manifests' digests");
  RCRT_ASSIGN(auto line, context.parse("rcrt images", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt images"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(auto images, engine->images().list());
  std::vector<Column> columns = {{"REPOSITORY", "Repository"},
                                 {"TAG", "Tag"},
                                 {"IMAGE ID", "ID"},
                                 {"CREATED", "CreatedSince"},
                                 {"SIZE", "Size"}};
  if (line->flag("digests")) columns.insert(columns.begin() + 2, {"DIGEST", "Digest"});
  std::vector<Json> rows;
  for (const auto& image : images) {
    auto colon = image.name.rfind(':');
    std::string id = image.id.substr(image.id.find(':') + 1);
    if (!wants_whole(*line)) id.resize(std::min<size_t>(id.size(), 12));
    int64_t created = image.created * 1'000'000'000;
    rows.push_back({{"Repository", image.name.substr(0, colon)},
                    {"Tag", image.name.substr(colon + 1)},
                    {"ID", id},
                    {"Digest", image.digest},
                    {"CreatedAt", timestamp(created)},
                    {"CreatedSince", age(created) + " ago"},
                    {"Size", human_size(image.size)},
                    {"Bytes", image.size}});
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
    RCRT_TRY(engine->remove_image(name, line->flag("force")));
    printf("%s\n", name.c_str());
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
