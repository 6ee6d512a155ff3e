// SPDX-License-Identifier: MIT
#include "prune.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/tree.h"
#include "digest.h"
#include "files.h"

namespace rcrt::oci {
namespace {

constexpr size_t kMaxDocument = 8 << 20;

Result<Json> document(const StoreWriter& store, const std::string& hex) {
  RCRT_ASSIGN(std::string text, read_file(store.blobs(), hex, kMaxDocument));
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return error("not a JSON object", hex, "the image store is damaged");
  return json;
}

Result<std::string> digest_of(const Json& descriptor) {
  std::string hex;
  if (descriptor.is_object() && descriptor.contains("digest") && descriptor["digest"].is_string())
    hex = digest_hex(descriptor["digest"].get<std::string>());
  if (hex.empty())
    return error("not a SHA-256 digest", descriptor.dump().substr(0, 100), "the image store is damaged");
  return hex;
}

struct Uses {
  std::set<std::string> blobs;
  std::vector<std::string> layers;
};

Result<void> collect(const StoreWriter& store, const Json& descriptor, Uses& uses, int depth = 0) {
  RCRT_ASSIGN(std::string hex, digest_of(descriptor));
  uses.blobs.insert(hex);
  auto json = document(store, hex);
  if (!json) {
    // Of an index copied by other tools only this machine's variant may be there.
    if (depth > 0 && json.error().code == ENOENT) return {};
    return std::unexpected(json.error());
  }
  if (json->contains("manifests") && (*json)["manifests"].is_array()) {
    if (depth > 2) return error("indexes inside indexes inside indexes", hex);
    for (const Json& below : (*json)["manifests"]) RCRT_TRY(collect(store, below, uses, depth + 1));
    return {};
  }
  RCRT_ASSIGN(std::string config_hex, digest_of(json->value("config", Json())));
  uses.blobs.insert(config_hex);
  const Json layers = json->value("layers", Json::array());
  for (const Json& layer : layers) {
    RCRT_ASSIGN(std::string layer_hex, digest_of(layer));
    uses.blobs.insert(layer_hex);
  }
  RCRT_ASSIGN(Json config, document(store, config_hex));
  const Json diff_ids = config.contains("rootfs") && config["rootfs"].is_object()
                            ? config["rootfs"].value("diff_ids", Json::array())
                            : Json::array();
  for (const Json& diff_id : diff_ids) {
    std::string id = diff_id.is_string() ? digest_hex(diff_id.get<std::string>()) : "";
    if (id.empty()) return error("not a SHA-256 digest in the configuration of an image", config_hex);
    uses.layers.push_back(id);
  }
  return {};
}

bool is_hex_name(const std::string& name) { return !digest_hex("sha256:" + name).empty(); }

}  // namespace

Result<uint64_t> prune(StoreWriter& store, std::set<std::string> keep) {
  RCRT_ASSIGN(Json index, store.index());
  Uses uses;
  for (const Json& entry : index["manifests"]) RCRT_TRY(collect(store, entry, uses));
  keep.insert(uses.layers.begin(), uses.layers.end());
  RCRT_TRY(store.clean_temporary());

  uint64_t freed = 0;
  RCRT_ASSIGN(std::vector<std::string> blobs, list_directory(store.blobs()));
  for (const std::string& name : blobs) {
    if (!is_hex_name(name) || uses.blobs.contains(name)) continue;
    struct stat info;
    if (::fstatat(store.blobs(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
      freed += static_cast<uint64_t>(info.st_size);
    RCRT_TRY(remove_tree(store.blobs(), name.c_str()));
    fault_point("image-oci: blob deleted");
  }
  RCRT_ASSIGN(UniqueFd links, [&]() -> Result<UniqueFd> {
    UniqueFd fd(::openat(store.layers(), "l", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return errno_error("cannot open the links of layers");
    return fd;
  }());
  RCRT_ASSIGN(std::vector<std::string> names, list_directory(links.get()));
  for (const std::string& name : names) {
    char target[80];
    ssize_t size = ::readlinkat(links.get(), name.c_str(), target, sizeof target);
    if (size < 3 || keep.contains(std::string(target + 3, static_cast<size_t>(size) - 3))) continue;
    RCRT_TRY(remove_tree(links.get(), name.c_str()));
  }
  fault_point("image-oci: links deleted");
  RCRT_ASSIGN(std::vector<std::string> layers, list_directory(store.layers()));
  for (const std::string& name : layers) {
    if (!is_hex_name(name) || keep.contains(name)) continue;
    // Under its own name a layer is always whole.
    if (::renameat(store.layers(), name.c_str(), store.layers(), ".old-layer") != 0)
      return errno_error("cannot delete the layer", name);
    fault_point("image-oci: layer set aside");
    RCRT_TRY(remove_tree(store.layers(), ".old-layer"));
  }
  return freed;
}

Result<std::vector<std::string>> layers_of(const StoreWriter& store, const std::string& name) {
  RCRT_ASSIGN(Json index, store.index());
  for (const Json& entry : index["manifests"]) {
    if (!entry.is_object() || !entry.contains("annotations") || !entry["annotations"].is_object()) continue;
    if (entry["annotations"].value("org.opencontainers.image.ref.name", Json()) != name) continue;
    Uses uses;
    RCRT_TRY(collect(store, entry, uses));
    return uses.layers;
  }
  return error("no such image", name, "see 'rcrt images'; bring one in with 'rcrt import ROOTFS.tar NAME'",
               ENOENT);
}

}  // namespace rcrt::oci
