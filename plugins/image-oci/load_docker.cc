// SPDX-License-Identifier: MIT
// What `docker save` makes: manifest.json names configurations, layers and tags.
#include <algorithm>

#include "base/image_names.h"
#include "base/image_reference.h"
#include "plugins/image-oci/archive_reader.h"
#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/load.h"

namespace rcrt::image_oci {
namespace {

constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";

std::unexpected<Error> malformed(std::string_view why) {
  return error("manifest.json of the archive not understood", {}, why, EBADMSG);
}

struct DockerImage {
  std::string config;               // path
  std::vector<std::string> layers;  // paths, lowest first
  std::vector<std::string> names;   // normalised
};

Result<std::vector<std::string>> texts(const Json& object, const char* member) {
  std::vector<std::string> found;
  auto it = object.find(member);
  if (it == object.end() || it->is_null()) return found;
  if (!it->is_array()) return malformed("a list is none");
  for (const Json& text : *it) {
    if (!text.is_string()) return malformed("a name is no text");
    found.push_back(text.get<std::string>());
  }
  return found;
}

Result<std::vector<DockerImage>> parse_docker_manifest(const std::string& text, const Limits& limits) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_array()) return malformed("it is no list");
  std::vector<DockerImage> images;
  for (const Json& member : json) {
    if (!member.is_object()) return malformed("an image is no object");
    DockerImage image;
    auto config = member.find("Config");
    if (config == member.end() || !config->is_string()) return malformed("an image has no configuration");
    RCRT_ASSIGN(image.config, clean_path(config->get<std::string>(), limits));
    RCRT_ASSIGN(const auto layers, texts(member, "Layers"));
    for (const std::string& layer : layers) {
      RCRT_ASSIGN(std::string path, clean_path(layer, limits));
      image.layers.push_back(std::move(path));
    }
    RCRT_ASSIGN(const auto names, texts(member, "RepoTags"));
    for (const std::string& name : names) {
      auto normalized = normalize_reference(name);
      if (!normalized) return std::unexpected(normalized.error());
      image.names.push_back(std::move(*normalized));
    }
    images.push_back(std::move(image));
  }
  return images;
}

// The layers a whole archive has brought in, by the file they came from: images share them.
using Known = std::map<std::string, LayerFacts>;

// Brings the layers in that are not known yet, and makes them known.
Result<void> feed_all(const ImageFiles& files, const DockerImage& image,
                      const std::vector<std::string>& diff_ids, LayerSet& layers, ProgressBoard& board,
                      Known& known) {
  struct Fed {
    LayerIntake* layer;
    BlobProgress* bar;
  };
  std::map<std::string, Fed> fed;
  for (size_t i = 0; i < diff_ids.size(); ++i) {
    RCRT_ASSIGN(const std::string identity, files.identity(image.layers[i]));
    if (fed.contains(identity) || known.contains(identity)) continue;
    RCRT_ASSIGN(const uint64_t size, files.size(image.layers[i]));
    LayerWanted wanted;
    wanted.diff_hex = diff_ids[i];
    RCRT_ASSIGN(LayerIntake* const layer, layers.add(wanted));
    BlobProgress& bar = board.add("sha256:" + diff_ids[i], size);
    bar.layer = layer;
    bar.state = BlobState::unpacking;
    fed[identity] = {layer, &bar};
    RCRT_TRY(files.feed(image.layers[i], *layer));
  }
  RCRT_TRY(layers.wait());
  for (const auto& [identity, one] : fed) {
    known[identity] = one.layer->facts();
    one.bar->current = one.bar->total;
    one.bar->state = BlobState::done;
  }
  return {};
}

Result<LoadedImage> load_one(const Store& store, const ImageFiles& files, const DockerImage& image,
                             Known& known, const LoadRequest& request) {
  RCRT_ASSIGN(const std::string config_text, files.read(image.config));
  RCRT_ASSIGN(const Json config, parse_object(config_text, image.config));
  RCRT_ASSIGN(const auto diff_ids, parse_diff_ids(config));
  if (diff_ids.size() != image.layers.size())
    return error("configuration and manifest.json disagree about the layers", image.config, {}, EBADMSG);

  LayerSet layers(store, request.limits);
  ProgressBoard board(request.progress);
  RCRT_TRY(board.report_beside([&] { return feed_all(files, image, diff_ids, layers, board, known); }));

  Json descriptors = Json::array();
  for (size_t i = 0; i < diff_ids.size(); ++i) {
    RCRT_ASSIGN(const std::string identity, files.identity(image.layers[i]));
    const LayerFacts& facts = known[identity];
    if (facts.diff_hex != diff_ids[i])
      return error("one layer of the archive with two digests", image.layers[i], {}, EBADMSG);
    descriptors.push_back(
        {{"mediaType", facts.media_type}, {"digest", "sha256:" + facts.blob_hex}, {"size", facts.blob_size}});
  }
  const Document config_document(config_text, kConfigType);
  const Document manifest(Json{{"schemaVersion", 2},
                               {"mediaType", kManifestType},
                               {"config", config_document.descriptor()},
                               {"layers", descriptors}},
                          kManifestType);
  RCRT_TRY(layers.publish({config_document, manifest}));
  const auto names = image.names.empty() ? std::vector<std::string>{""} : image.names;
  for (const std::string& name : names) RCRT_TRY(store.tag(manifest.descriptor(), name));
  return LoadedImage{names.front(), "sha256:" + config_document.hex, "sha256:" + manifest.hex};
}

}  // namespace

Result<std::vector<LoadedImage>> load_docker(const Store& store, const ImageFiles& files,
                                             const LoadRequest& request) {
  RCRT_ASSIGN(const std::string text, files.read("manifest.json"));
  RCRT_ASSIGN(auto images, parse_docker_manifest(text, request.limits));
  if (const std::string& reference = request.source.reference; !reference.empty()) {
    const std::string key = image_key(reference);
    std::erase_if(images, [&](DockerImage& image) {
      const bool meant = std::ranges::find(image.names, key) != image.names.end();
      if (meant) image.names = {key};
      return !meant;
    });
    if (images.empty()) return error("no such image in " + request.source.path, reference, {}, ENOENT);
  }
  if (images.empty()) return error("no image in", request.source.path, {}, ENOENT);
  if (!request.name.empty()) {
    if (images.size() > 1)
      return error("several images in", request.source.path, "say which one, after another colon", EINVAL);
    images[0].names = {request.name};
  }
  std::vector<LoadedImage> loaded;
  Known known;
  for (const DockerImage& image : images) {
    RCRT_ASSIGN(LoadedImage one, load_one(store, files, image, known, request));
    const auto names = image.names.empty() ? std::vector<std::string>{""} : image.names;
    for (const std::string& name : names) {
      one.name = name;
      if (request.loaded) request.loaded(one);
      loaded.push_back(one);
    }
  }
  return loaded;
}

}  // namespace rcrt::image_oci
