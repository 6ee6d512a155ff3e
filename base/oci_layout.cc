// SPDX-License-Identifier: MIT
#include "base/oci_layout.h"

#include <time.h>

#include <algorithm>

namespace rcrt {
namespace {

constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";
constexpr size_t kMostLayers = 1000;

// A string member of an object; empty when it is absent or something else.
std::string text(const Json& object, std::string_view member) {
  if (!object.is_object()) return {};
  auto it = object.find(member);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::unexpected<Error> malformed(std::string_view what, std::string_view why) {
  return error(what, {}, why, EBADMSG);
}

bool is_manifest_type(std::string_view type) {
  return type == "application/vnd.oci.image.manifest.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.v2+json";
}

bool is_config_type(std::string_view type) {
  return type == "application/vnd.oci.image.config.v1+json" ||
         type == "application/vnd.docker.container.image.v1+json";
}

}  // namespace

std::string_view machine_architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
#error "name this architecture as Go does"
#endif
}

bool is_index_type(std::string_view type) {
  return type == "application/vnd.oci.image.index.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

bool is_sha256_digest(std::string_view digest) {
  if (!digest.starts_with("sha256:") || digest.size() != 7 + 64) return false;
  return std::ranges::all_of(digest.substr(7),
                             [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<Json> parse_object(std::string_view text, const std::string& object) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return error("not JSON", object, "the store is damaged", EBADMSG);
  if (!json.is_object()) return error("not a JSON object", object, "the store is damaged", EBADMSG);
  return json;
}

Result<Descriptor> parse_descriptor(const Json& json) {
  Descriptor descriptor;
  descriptor.media_type = text(json, "mediaType");
  descriptor.digest = text(json, "digest");
  if (!is_sha256_digest(descriptor.digest))
    return error("not a sha256 digest", descriptor.digest.substr(0, 128), {}, EBADMSG);
  auto size = json.find("size");
  if (size == json.end() || !size->is_number_unsigned())
    return error("a descriptor without a size", descriptor.digest, {}, EBADMSG);
  descriptor.size = size->get<uint64_t>();
  if (auto annotations = json.find("annotations"); annotations != json.end())
    descriptor.name = text(*annotations, kRefName);
  if (auto platform = json.find("platform"); platform != json.end()) {
    descriptor.os = text(*platform, "os");
    descriptor.architecture = text(*platform, "architecture");
    descriptor.variant = text(*platform, "variant");
  }
  return descriptor;
}

Result<std::vector<Descriptor>> parse_index(const Json& json) {
  // A document that could also be read as a manifest is ambiguous (CVE-2021-41190).
  if (json.contains("layers") || json.contains("config"))
    return malformed("ambiguous image index", "it has the members of a manifest too");
  if (std::string type = text(json, "mediaType"); !type.empty() && !is_index_type(type))
    return malformed("not an image index", "its media type is another");
  auto manifests = json.find("manifests");
  if (manifests == json.end() || !manifests->is_array())
    return malformed("not an image index", "it has no list of manifests");
  std::vector<Descriptor> found;
  for (const Json& entry : *manifests) {
    RCRT_ASSIGN(Descriptor descriptor, parse_descriptor(entry));
    if (is_manifest_type(descriptor.media_type) || is_index_type(descriptor.media_type))
      found.push_back(std::move(descriptor));
  }
  return found;
}

const Descriptor* for_this_machine(const std::vector<Descriptor>& entries) {
  for (const Descriptor& entry : entries)
    if (!is_index_type(entry.media_type) && entry.os == "linux" &&
        entry.architecture == machine_architecture())
      return &entry;
  return nullptr;
}

Result<Manifest> parse_manifest(const Json& json) {
  if (json.contains("manifests"))
    return malformed("ambiguous image manifest", "it has the members of an index too");
  if (std::string type = text(json, "mediaType"); !type.empty() && !is_manifest_type(type))
    return malformed("not an image manifest", "its media type is another");
  Manifest manifest;
  auto config = json.find("config");
  if (config == json.end()) return malformed("image manifest without a configuration", {});
  RCRT_ASSIGN(manifest.config, parse_descriptor(*config));
  if (!is_config_type(manifest.config.media_type))
    return error("not a container image", manifest.config.media_type.substr(0, 128),
                 "an OCI artifact cannot be run", EBADMSG);
  auto layers = json.find("layers");
  if (layers == json.end() || !layers->is_array()) return malformed("image manifest without layers", {});
  if (layers->size() > kMostLayers) return malformed("image manifest with too many layers", {});
  for (const Json& layer : *layers) {
    RCRT_ASSIGN(Descriptor descriptor, parse_descriptor(layer));
    manifest.layers.push_back(std::move(descriptor));
  }
  return manifest;
}

Result<std::vector<std::string>> parse_diff_ids(const Json& config) {
  std::vector<std::string> hexes;
  auto rootfs = config.find("rootfs");
  if (rootfs == config.end() || !rootfs->is_object())
    return malformed("image configuration without rootfs", {});
  auto diff_ids = rootfs->find("diff_ids");
  if (diff_ids == rootfs->end() || !diff_ids->is_array() || diff_ids->size() > kMostLayers)
    return malformed("image configuration without diff_ids", {});
  for (const Json& diff_id : *diff_ids) {
    if (!diff_id.is_string() || !is_sha256_digest(diff_id.get_ref<const std::string&>()))
      return malformed("image configuration with a malformed diff_id", {});
    hexes.push_back(diff_id.get_ref<const std::string&>().substr(7));
  }
  return hexes;
}

int64_t parse_time(const std::string& text) {
  tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return 0;
  int64_t seconds = timegm(&parts);
  if (*rest == '.')
    for (++rest; *rest >= '0' && *rest <= '9';) ++rest;
  if (*rest == '+' || *rest == '-') {
    const int sign = *rest == '-' ? 1 : -1;
    tm offset{};
    if (strptime(rest + 1, "%H:%M", &offset) == nullptr) return 0;
    seconds += sign * (offset.tm_hour * 3600 + offset.tm_min * 60);
  }
  return seconds;
}

}  // namespace rcrt
