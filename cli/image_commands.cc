// SPDX-License-Identifier: MIT
// import, images, rmi, unpack.
#include "cli/command.h"
#include "cli/format.h"

namespace rcrt::cli {

Result<int> import_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt import [--change INSTRUCTION] ROOTFS.tar|DIR NAME";
  po::options_description own("Options of import");
  own.add_options()("change,c", words("INSTRUCTION"),
                    "CMD, ENTRYPOINT, ENV, USER or WORKDIR as in a Dockerfile")  //
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
    Json list = Json::parse(value, nullptr, false);
    if (!list.is_array()) list = Json{"/bin/sh", "-c", value};
    if (key == "CMD")
      config["Cmd"] = list;
    else if (key == "ENTRYPOINT")
      config["Entrypoint"] = list;
    else if (key == "ENV" && value.find('=') != std::string::npos)
      config["Env"].push_back(value);
    else if (key == "USER")
      config["User"] = value;
    else if (key == "WORKDIR")
      config["WorkingDir"] = value;
    else
      return error("invalid --change", change, "known: CMD, ENTRYPOINT, ENV KEY=VALUE, USER, WORKDIR",
                   EINVAL);
  }
  RCRT_ASSIGN(std::string id, engine->import(line->words[0], line->words[1], config));
  if (!line->flag("quiet")) printf("%s\n", id.c_str());
  return 0;
}

Result<int> images_command(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of images");
  own.add_options()("quiet,q", toggle(), "ids only")        //
      ("no-trunc", toggle(), "whole ids")                   //
      ("digests", toggle(), "with the manifests' digests")  //
      ("json", toggle(), "one JSON array")                  //
      ("format", word("TEMPLATE"), "json, or a template: {{.Repository}}:{{.Tag}}");
  RCRT_ASSIGN(auto line, context.parse("rcrt images", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt images"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(auto images, engine->images().list());
  std::vector<std::vector<std::string>> rows = {{"REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"}};
  if (line->flag("digests")) rows[0].insert(rows[0].begin() + 2, "DIGEST");
  Json all = Json::array();
  std::string format = line->text("format");
  for (const auto& image : images) {
    auto colon = image.name.rfind(':');
    std::string id = image.id.substr(image.id.find(':') + 1);
    if (!line->flag("no-trunc")) id.resize(std::min<size_t>(id.size(), 12));
    int64_t created = image.created * 1'000'000'000;
    Json row = {{"Repository", image.name.substr(0, colon)},
                {"Tag", image.name.substr(colon + 1)},
                {"ID", id},
                {"Digest", image.digest},
                {"CreatedAt", timestamp(created)},
                {"CreatedSince", age(created) + " ago"},
                {"Size", human_size(image.size)},
                {"Bytes", image.size}};
    if (line->flag("json")) {
      all.push_back(row);
    } else if (line->flag("quiet")) {
      printf("%s\n", id.c_str());
    } else if (format == "json") {
      printf("%s\n", row.dump().c_str());
    } else if (!format.empty()) {
      RCRT_ASSIGN(std::string text, apply_template(format, row));
      printf("%s\n", text.c_str());
    } else {
      rows.push_back({row.value("Repository", ""), row.value("Tag", ""), id, row.value("CreatedSince", ""),
                      row.value("Size", "")});
      if (line->flag("digests")) rows.back().insert(rows.back().begin() + 2, image.digest);
    }
  }
  if (line->flag("json"))
    printf("%s\n", all.dump(2).c_str());
  else if (!line->flag("quiet") && format.empty())
    fputs(table(rows).c_str(), stdout);
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
