// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <rcrt/storage.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "base/tree.h"
#include "core/engine.h"
#include "core/files.h"

namespace rcrt {
namespace {

// What an image consists of, and how much room that takes: its blobs, and its layers unpacked.
class Parts {
 public:
  explicit Parts(const std::string& root)
      : layers_(open((root + "/layers").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
        blobs_(open((root + "/images/blobs/sha256").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

  std::set<std::string> of(const Image& image) {
    std::set<std::string> parts;
    auto add_blob = [&](const std::string& digest) { add(parts, "b" + digest.substr(7)); };
    add_blob(image.id);
    add_blob(image.digest);
    for (const Descriptor& blob : image.blobs) add_blob(blob.digest);
    for (const std::string& hex : image.diff_ids) add(parts, "l" + hex);
    return parts;
  }
  uint64_t size(const std::string& part) const { return sizes_.at(part); }

 private:
  void add(std::set<std::string>& parts, const std::string& part) {
    parts.insert(part);
    if (sizes_.contains(part)) return;
    sizes_[part] = tree_bytes(part[0] == 'b' ? blobs_.get() : layers_.get(), part.c_str() + 1);
  }

  UniqueFd layers_, blobs_;
  std::map<std::string, uint64_t> sizes_;
};

}  // namespace

uint64_t Engine::container_size(const Container& container) {
  use_plugins_of(container);
  const auto plugin = plugins_.load("storage", container.config.value("storage", ""));
  if (!plugin) return 0;
  const auto* table = (*plugin)->get<rcrt_storage_v1>(RCRT_STORAGE_V1);
  const auto reply =
      (*plugin)->call(table->usage, "usage", container.config.value("storageRequest", Json::object()));
  return reply ? reply->result.value("size", uint64_t{0}) : 0;
}

// What cannot be read counts for nothing.
DiskUsage Engine::disk_usage() {
  DiskUsage usage;
  std::map<std::string, size_t> users;  // image id -> containers
  for (const auto& id : containers_.ids()) {
    auto container = containers_.load(id);
    if (!container) continue;
    ++users[container->config.value("imageId", "")];
    const uint64_t size = container_size(*container);
    usage.containers.push_back({std::move(*container), size});
  }

  for (const Volume& volume : volumes_.list())
    usage.volumes.push_back(
        {volume.name, tree_bytes(AT_FDCWD, volume.data.c_str()), volume_users(volume.name).size()});

  Parts parts(paths_.root);
  std::map<std::string, std::set<std::string>> of_image;  // id -> parts
  std::map<std::string, size_t> owners;                   // part -> images
  const auto entries = images_.list();
  if (!entries) return usage;
  for (const ImageEntry& entry : *entries) {
    if (entry.id.empty() || of_image.contains(entry.id)) continue;
    auto image = images_.read(entry.id);
    if (!image) continue;
    of_image[entry.id] = parts.of(*image);
    for (const std::string& part : of_image[entry.id]) ++owners[part];
  }
  std::set<std::string> active;
  for (const ImageEntry& entry : *entries) {
    DiskUsage::OfImage one{entry, 0, 0, users.contains(entry.id) ? users[entry.id] : 0};
    for (const std::string& part : of_image[entry.id]) {
      one.size += parts.size(part);
      if (owners[part] == 1) one.unique += parts.size(part);
      if (one.containers > 0) active.insert(part);
    }
    usage.images.push_back(std::move(one));
  }
  for (const auto& [part, count] : owners) {
    usage.images_size += parts.size(part);
    if (!active.contains(part)) usage.images_reclaimable += parts.size(part);
  }
  return usage;
}

}  // namespace rcrt
