// SPDX-License-Identifier: MIT
// Reads the image store (see include/rcrt/image.h for its layout). Never writes layers;
// names are added and removed here, everything else by an image plugin.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/image_reference.h"
#include "base/result.h"
#include "core/json.h"

namespace rcrt {

struct Image {
  std::string name;                   // "docker.io/library/busybox:latest", as stored
  std::string id;                     // "sha256:<hex>" of the image configuration
  std::string digest;                 // "sha256:<hex>" of the manifest
  Json config;                        // the image configuration (image-spec config.md)
  std::vector<std::string> layers;    // relative to layers_dir(), uppermost first: "l/ab12cd3"
  std::vector<std::string> diff_ids;  // hex, as in the configuration (lowest first)
};

struct ImageSummary {
  std::string name, id, digest;
  int64_t created = 0;  // seconds since the epoch
  uint64_t size = 0;    // bytes of all layers, as stored
};

class ImageStore {
 public:
  explicit ImageStore(std::string root);  // "/var/lib/rcrt"

  std::string layers_dir() const;

  // By name, by id or by a unique prefix of the id of at least 4 digits. The Error has
  // code ENOENT when there is no such image.
  Result<Image> resolve(const std::string& reference) const;
  Result<std::vector<ImageSummary>> list() const;
  // Removes the name from index.json (atomically, under the store's lock). What no image
  // refers to any more is deleted by the image plugin's prune.
  Result<void> untag(const std::string& reference);

 private:
  std::string root_;
};

}  // namespace rcrt
