// SPDX-License-Identifier: MIT
// Reads the image store (see include/rcrt/image.h for its layout). Never writes layers;
// names are added and removed here, everything else by an image plugin.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/image_names.h"
#include "base/image_reference.h"
#include "base/result.h"
#include "core/json.h"

namespace rcrt {

struct Image {
  std::string name;                   // "docker.io/library/busybox:latest", as stored; may be empty
  std::string id;                     // "sha256:<hex>" of the image configuration
  std::string digest;                 // "sha256:<hex>" of the manifest
  Json config;                        // the image configuration (image-spec config.md)
  std::vector<Descriptor> blobs;      // the layers as stored, lowest first
  std::vector<std::string> layers;    // relative to layers_dir(), uppermost first: "l/ab12cd3"
  std::vector<std::string> diff_ids;  // hex, as in the configuration (lowest first)
};

class ImageStore {
 public:
  explicit ImageStore(std::string root);  // "/var/lib/rcrt"

  std::string layers_dir() const;

  // By name, by id or by a unique prefix of the id of at least 4 digits. The Error has
  // code ENOENT when there is no such image.
  Result<ImageEntry> find(const std::string& reference) const;
  // With its configuration; `layers` is empty.
  Result<Image> read(const std::string& reference) const;
  // Ready to be run: with its layers, which must be unpacked.
  Result<Image> resolve(const std::string& reference) const;
  // Whether something of the image is not unpacked. False also when it cannot be read.
  bool lacks_layers(const std::string& reference) const;

  // Every entry of index.json: several with one id when an image has several names.
  Result<std::vector<ImageEntry>> list() const;
  // Those of a name as list() has it, or as docker shows it: "busybox", "busybox:1"; without a
  // tag or a digest, all of its repository.
  Result<std::vector<ImageEntry>> named(const std::string& name) const;
  // The entries that are the same image.
  Result<std::vector<ImageEntry>> with_id(const std::string& id) const;
  // The configuration of an image of list().
  Result<Json> configuration(const ImageEntry& entry) const;

  // Gives an image another name, taking it from whatever had it. `name` is normalised.
  Result<void> tag(const std::string& reference, const std::string& name) const;
  // Removes one name; an image without another one stays, nameless, if `keep` is set. What no
  // entry refers to any more is deleted by the image plugin's prune.
  Result<void> untag(const std::string& reference, bool keep) const;
  // Removes an image with all its names.
  Result<void> forget(const std::string& id) const;

 private:
  Result<void> change_index(const std::function<Result<void>(Json& index, int images)>& change) const;

  std::string root_;
};

}  // namespace rcrt
