// SPDX-License-Identifier: MIT
#include <algorithm>

#include "cli/describe.h"

namespace rcrt::cli {
namespace {

Json member(const Json& object, const char* name, const Json& otherwise) {
  auto it = object.find(name);
  return it == object.end() || it->is_null() ? otherwise : *it;
}

}  // namespace

std::pair<std::string, std::string> split_name(const std::string& name) {
  if (name.empty()) return {"<none>", "<none>"};
  const std::string tagged = name.substr(0, name.find('@'));
  const size_t slash = tagged.rfind('/');
  const size_t colon = tagged.find(':', slash == std::string::npos ? 0 : slash);
  if (colon == std::string::npos) return {tagged, "<none>"};
  return {tagged.substr(0, colon), tagged.substr(colon + 1)};
}

Result<Json> describe_image(const Engine& engine, const std::string& reference) {
  RCRT_ASSIGN(const Image image, engine.images().read(reference));
  RCRT_ASSIGN(const auto entries, engine.images().with_id(image.id));
  Json tags = Json::array(), digests = Json::array();
  for (const ImageEntry& entry : entries) {
    if (entry.key.empty()) continue;
    const auto [repository, tag] = split_name(entry.key);
    if (tag != "<none>") tags.push_back(repository + ":" + tag);
    if (Json digest = repository + "@" + entry.descriptor.digest;
        std::find(digests.begin(), digests.end(), digest) == digests.end())
      digests.push_back(std::move(digest));
  }
  uint64_t size = 0;
  for (const Descriptor& blob : image.blobs) size += blob.size;
  Json comment = "";
  if (const Json history = member(image.config, "history", Json::array());
      history.is_array() && !history.empty() && history.back().is_object())
    comment = member(history.back(), "comment", "");
  const Json rootfs = member(image.config, "rootfs", Json::object());
  return Json{{"Id", image.id},
              {"Digest", image.digest},
              {"RepoTags", tags},
              {"RepoDigests", digests},
              {"Parent", ""},
              {"Comment", comment},
              {"Created", member(image.config, "created", "")},
              {"Author", member(image.config, "author", "")},
              {"Config", member(image.config, "config", Json::object())},
              {"Architecture", member(image.config, "architecture", "")},
              {"Variant", member(image.config, "variant", "")},
              {"Os", member(image.config, "os", "")},
              {"Size", size},
              {"RootFS", {{"Type", "layers"}, {"Layers", member(rootfs, "diff_ids", Json::array())}}}};
}

}  // namespace rcrt::cli
