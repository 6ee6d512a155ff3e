// SPDX-License-Identifier: MIT
#include "plugins/image-oci/remote_image.h"

#include <algorithm>

#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

constexpr size_t kLargestManifest = 4 << 20;
constexpr size_t kLargestConfig = 8 << 20;
constexpr size_t kMostTags = 100'000;
constexpr size_t kMostTagPages = 1'000;

constexpr const char* kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";

bool is_known_type(const std::string& type) {
  return type == kOciManifest || type == kOciIndex || type == kDockerManifest || type == kDockerList;
}

std::unexpected<Error> old_schema(const std::string& object) {
  return error("image is in docker's old form (schema 1), which cannot be checked:", object,
               "have it pushed again with a tool of after 2017", ENOTSUP);
}

// A layer that is a tar file, in one of the compressions OCI and docker know.
bool is_layer_type(std::string_view type) {
  for (std::string_view base : {"application/vnd.oci.image.layer.v1.tar",
                                "application/vnd.oci.image.layer.nondistributable.v1.tar"}) {
    if (!type.starts_with(base)) continue;
    const std::string_view rest = type.substr(base.size());
    return rest.empty() || rest == "+gzip" || rest == "+zstd";
  }
  for (std::string_view base : {"application/vnd.docker.image.rootfs.diff.tar",
                                "application/vnd.docker.image.rootfs.foreign.diff.tar"}) {
    if (!type.starts_with(base)) continue;
    const std::string_view rest = type.substr(base.size());
    return rest.empty() || rest == ".gzip" || rest == ".zstd";
  }
  return false;
}

Result<RemoteDocument> fetch_manifest(HttpClient& http, Registry& registry, const std::string& name,
                                      const std::string& wanted_digest) {
  const std::string object = registry.name() + (wanted_digest.empty() ? ":" : "@") + name;
  HttpRequest request = registry.request("GET", "/manifests/" + name);
  request.headers = {std::string("Accept: ") + kOciIndex + ", " + kDockerList + ", " + kOciManifest + ", " +
                     kDockerManifest};
  request.largest_body = kLargestManifest;
  HttpResponse response = registry.send(http, std::move(request));
  if (response.broken || response.status != 200)
    return registry.failure(response, "cannot find image", object);
  return check_manifest(std::move(response.body), response.header("content-type"),
                        response.header("docker-content-digest"), wanted_digest, object);
}

Result<std::string> fetch_document(HttpClient& http, const std::vector<Registry*>& registries,
                                   const Descriptor& blob) {
  if (blob.size > kLargestConfig) return error("image configuration too large", blob.digest, {}, EFBIG);
  for (size_t i = 0;; ++i) {
    HttpRequest request = registries[i]->request("GET", "/blobs/" + blob.digest);
    request.largest_body = blob.size;
    HttpResponse response = registries[i]->send(http, std::move(request));
    if (response.broken || response.status != 200) {
      if (i + 1 < registries.size() && !http.stopped()) continue;
      return registries[i]->failure(response, "cannot fetch", blob.digest);
    }
    if (response.body.size() != blob.size || "sha256:" + sha256_hex(response.body) != blob.digest)
      return error("registry sends wrong content for", blob.digest, "nothing of it is kept", EBADMSG);
    return std::move(response.body);
  }
}

// "<https://host/v2/name/tags/list?last=b&n=100>; rel="next"" -> what is in the brackets.
std::string next_page(const std::string& link) {
  const size_t close = link.find('>');
  if (!link.starts_with('<') || close == link.npos || link.find("next", close) == link.npos) return {};
  return link.substr(1, close - 1);
}

}  // namespace

Result<RemoteDocument> check_manifest(std::string text, const std::string& content_type,
                                      const std::string& header_digest, const std::string& wanted_digest,
                                      const std::string& object) {
  RemoteDocument document;
  document.descriptor.digest = "sha256:" + sha256_hex(text);
  document.descriptor.size = text.size();
  if (!wanted_digest.empty() && document.descriptor.digest != wanted_digest)
    return error("registry sends wrong content for", object, "nothing of it is kept", EBADMSG);
  if (header_digest.starts_with("sha256:") && header_digest != document.descriptor.digest)
    return error("registry says one digest and sends another content for", object, {}, EBADMSG);

  std::string type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.pop_back();
  document.json = Json::parse(text, nullptr, false);
  if (!document.json.is_object()) return error("image manifest is not JSON", object, {}, EBADMSG);
  std::string own;
  if (auto it = document.json.find("mediaType"); it != document.json.end() && it->is_string())
    own = it->get<std::string>();
  auto version = document.json.find("schemaVersion");
  if (type.find("manifest.v1+") != type.npos && type.find("docker") != type.npos) return old_schema(object);
  if (version == document.json.end() || !version->is_number_integer())
    return error("image manifest without a schemaVersion", object, {}, EBADMSG);
  if (*version == 1) return old_schema(object);
  // The header, the document's own word and its members must agree.
  if (is_known_type(type) && !own.empty() && own != type)
    return error("ambiguous image manifest, sent as one thing and calling itself another", object, {},
                 EBADMSG);
  if (!is_known_type(type)) type = own;
  if (type.empty()) type = document.json.contains("manifests") ? kOciIndex : kOciManifest;
  if (!is_known_type(type))
    return error("not a container image", object, "it is a " + type.substr(0, 100) + ", which cannot be run",
                 ENOTSUP);
  document.descriptor.media_type = type;
  document.text = std::move(text);
  return document;
}

Result<RemoteImage> find_remote_image(HttpClient& http, const std::vector<Registry*>& registries,
                                      const Reference& reference, const Platform& platform) {
  if (!reference.digest.empty() && !is_sha256_digest(reference.digest))
    return error("digest of a kind that is not supported", reference.digest, "sha256 is", ENOTSUP);
  Registry& first = *registries[0];
  const std::string& name = reference.digest.empty() ? reference.tag : reference.digest;
  RCRT_ASSIGN(RemoteDocument document, fetch_manifest(http, first, name, reference.digest));
  RemoteImage image;
  const std::string object = reference.text();
  if (is_index_type(document.descriptor.media_type)) {
    auto entries = parse_index(document.json);
    if (!entries) return in_context(entries.error(), "cannot use image", object);
    RCRT_ASSIGN(const Descriptor chosen, choose_platform(*entries, platform, object));
    if (chosen.size > kLargestManifest) return error("image manifest too large", chosen.digest, {}, EFBIG);
    RCRT_ASSIGN(document, fetch_manifest(http, first, chosen.digest, chosen.digest));
    if (document.descriptor.size != chosen.size || document.descriptor.media_type != chosen.media_type)
      return error("image index and manifest disagree", object, {}, EBADMSG);
    document.descriptor.os = chosen.os;
    document.descriptor.architecture = chosen.architecture;
    document.descriptor.variant = chosen.variant;
    image.chosen = true;
  }
  // An OCI manifest of something that is no image says so in either place.
  if (auto artifact = document.json.find("artifactType");
      artifact != document.json.end() && artifact->is_string())
    return error(
        "not a container image", object,
        "it is an OCI artifact (" + artifact->get<std::string>().substr(0, 100) + "), which cannot be run",
        ENOTSUP);
  auto manifest = parse_manifest(document.json);
  if (!manifest) return in_context(manifest.error(), "cannot use image", object);
  image.manifest = std::move(*manifest);
  for (const Descriptor& layer : image.manifest.layers)
    if (!is_layer_type(layer.media_type))
      return error("layer of a kind that is not known", layer.media_type.substr(0, 100),
                   "encrypted and lazily loaded layers are not supported", ENOTSUP);
  image.descriptor = document.descriptor;
  image.manifest_text = std::move(document.text);

  RCRT_ASSIGN(image.config_text, fetch_document(http, registries, image.manifest.config));
  const Json config = Json::parse(image.config_text, nullptr, false);
  if (!config.is_object()) return error("image configuration is not JSON", object, {}, EBADMSG);
  auto diff_ids = parse_diff_ids(config);
  if (!diff_ids) return in_context(diff_ids.error(), "cannot use image", object);
  image.diff_ids = std::move(*diff_ids);
  if (image.diff_ids.size() != image.manifest.layers.size())
    return error("manifest and configuration disagree about the layers of", object, {}, EBADMSG);
  if (auto os = config.find("os"); os != config.end() && os->is_string()) {
    const auto& system = os->get_ref<const std::string&>();
    if (!system.empty() && system != platform.os)
      return error("image is for another system", object, "it is for " + system.substr(0, 40), ENOTSUP);
  }
  return image;
}

Result<std::vector<std::string>> list_tags(HttpClient& http, Registry& registry) {
  std::vector<std::string> tags;
  HttpRequest request = registry.request("GET", "/tags/list");
  request.largest_body = 16 << 20;
  for (size_t page = 0; page < kMostTagPages; ++page) {
    HttpResponse response = registry.send(http, request);
    if (response.broken || response.status != 200)
      return registry.failure(response, "cannot list the tags of", registry.name());
    const Json json = Json::parse(response.body, nullptr, false);
    if (!json.is_object() || !json.contains("tags"))
      return error("registry lists no tags of", registry.name(), {}, EBADMSG);
    if (json["tags"].is_array())
      for (const Json& tag : json["tags"])
        if (tag.is_string()) tags.push_back(tag.get<std::string>());
    const std::string next = next_page(response.header("link"));
    if (next.empty() || tags.size() > kMostTags) break;
    RCRT_ASSIGN(request.url, registry.locate(request.url, next));
  }
  return tags;
}

}  // namespace rcrt::image_oci
