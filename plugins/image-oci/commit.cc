// SPDX-License-Identifier: MIT
#include <map>

#include "base/fault.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/import.h"
#include "plugins/image-oci/layer_intake.h"
#include "plugins/image-oci/now.h"
#include "plugins/image-oci/tree_archiver.h"

namespace rcrt::image_oci {
namespace {

constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";

// An OCI manifest lists layers by OCI's names for what docker's mean too.
std::string oci_layer_type(const std::string& type) {
  static const std::map<std::string, std::string> kTypes = {
      {"application/vnd.docker.image.rootfs.diff.tar", "application/vnd.oci.image.layer.v1.tar"},
      {"application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.oci.image.layer.v1.tar+gzip"},
      {"application/vnd.docker.image.rootfs.diff.tar.zstd", "application/vnd.oci.image.layer.v1.tar+zstd"},
      {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
       "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"}};
  auto it = kTypes.find(type);
  return it == kTypes.end() ? type : it->second;
}

Json layer_descriptor(const std::string& type, const std::string& digest, uint64_t size) {
  return {{"mediaType", oci_layer_type(type)}, {"digest", digest}, {"size", size}};
}

Json with_layer(Json config, const CommitRequest& request, const std::string& diff_hex) {
  const std::string created = now();
  config["created"] = created;
  config["config"] = request.config;
  if (!request.author.empty()) config["author"] = request.author;
  config["rootfs"]["diff_ids"].push_back("sha256:" + diff_hex);
  Json history = {{"created", created}, {"created_by", request.created_by}};
  if (!request.author.empty()) history["author"] = request.author;
  if (!request.comment.empty()) history["comment"] = request.comment;
  if (!config.contains("history") || !config["history"].is_array()) config["history"] = Json::array();
  config["history"].push_back(std::move(history));
  return config;
}

}  // namespace

Result<std::string> commit_image(const Store& store, const CommitRequest& request, int changes) {
  if (!request.config.is_object()) return error("not an object", "config", {}, EINVAL);
  RCRT_ASSIGN(const UniqueFd held, store.hold_contents());
  RCRT_ASSIGN(const FoundImage base, find_image(store, request.base));
  RCRT_ASSIGN(const Json base_config, store.read_document(base.manifest.config));

  LayerSet layers(store, request.limits, 1);
  RCRT_ASSIGN(LayerIntake* const intake, layers.add({}));
  const ArchiveOptions options = {.overlay = true, .changing = true};
  RCRT_TRY(archive_tree(
      changes, [&](const void* data, size_t size) { return intake->write(data, size); }, options));
  RCRT_TRY(intake->end());
  RCRT_TRY(layers.wait());
  fault_point("image-oci: commit has its layer");

  const LayerFacts& layer = intake->facts();
  const Document config(with_layer(base_config, request, layer.diff_hex), kConfigType);
  Json descriptors = Json::array();
  for (const Descriptor& below : base.manifest.layers)
    descriptors.push_back(layer_descriptor(below.media_type, below.digest, below.size));
  descriptors.push_back(layer_descriptor(layer.media_type, "sha256:" + layer.blob_hex, layer.blob_size));
  const Document manifest(Json{{"schemaVersion", 2},
                               {"mediaType", kManifestType},
                               {"config", config.descriptor()},
                               {"layers", descriptors}},
                          kManifestType);
  RCRT_TRY(layers.publish({config, manifest}));
  RCRT_TRY(store.tag(manifest.descriptor(), request.name));
  return "sha256:" + config.hex;
}

}  // namespace rcrt::image_oci
