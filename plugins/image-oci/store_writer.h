// SPDX-License-Identifier: MIT
// Adds to the image store (include/rcrt/image.h) so that at any moment of a crash it is
// as it was or has the whole image: everything is made under a temporary name, synced and
// renamed, and index.json comes last.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "limits.h"

namespace rcrt::oci {

using Json = nlohmann::json;

class StoreWriter {
 public:
  // Makes the folders that are missing and takes the store's lock, until destroyed.
  static Result<StoreWriter> open(const std::string& root);

  // A new temporary file or folder of the store's file system.
  Result<UniqueFd> temporary_blob();
  // The temporary blob, complete, becomes blobs/sha256/<hex>.
  Result<void> keep_blob(int fd, const std::string& hex);
  // A small blob. Gives its digest, "sha256:<hex>".
  Result<std::string> add_blob(const std::string& content);
  // Unpacks the uncompressed tar in `blob` into layers/<hex>, unless it is there, and
  // makes its short link.
  Result<void> add_layer(int blob, const std::string& hex, const Limits& limits);
  // Gives the name to the manifest; whichever had it loses it.
  Result<void> add_name(const std::string& name, const std::string& manifest_digest, size_t manifest_size);

  Result<Json> index() const;
  int blobs() const { return blobs_.get(); }
  int layers() const { return layers_.get(); }
  // Deletes what an interrupted import left behind.
  Result<void> clean_temporary();

 private:
  UniqueFd root_, images_, blobs_, layers_, links_, lock_;
};

}  // namespace rcrt::oci
