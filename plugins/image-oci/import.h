// SPDX-License-Identifier: MIT
// What the plugin does, one function a verb.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/oci_layout.h"
#include "base/result.h"
#include "plugins/image-oci/limits.h"
#include "plugins/image-oci/store.h"

namespace rcrt::image_oci {

struct ImportRequest {
  std::string root, source, name;
  int from = -1;        // the archive (borrowed); `source` then only says what it is
  std::string created;  // RFC 3339; now when empty
  Json config = Json::object();
  Limits limits;
};
// The new image's id.
Result<std::string> import_image(const ImportRequest& request);

Result<void> unpack_image(const std::string& root, const std::string& name, const std::string& directory,
                          const Limits& limits);

// Unpacks the layers of an image of the store that are not: another tool has put it there.
Result<void> prepare_image(const Store& store, const std::string& name, const Limits& limits);

struct CommitRequest {
  std::string base;  // the full id of the image below
  std::string name;  // normalised; empty: none
  Json config = Json::object();
  std::string author, comment, created_by;
  Limits limits;
};
// A new image: the one below, and a layer of the changes an overlayfs has written into the
// directory `changes` (borrowed). The new image's id.
Result<std::string> commit_image(const Store& store, const CommitRequest& request, int changes);

// Bytes freed. `keep`: hex of layers in use. The caller holds the store's contents exclusively.
Result<uint64_t> prune_store(const std::string& root, const std::vector<std::string>& keep);

}  // namespace rcrt::image_oci
