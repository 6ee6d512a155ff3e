// SPDX-License-Identifier: MIT
// images/index.json, for changing it: which manifests there are and what they are called.
#pragma once

#include <string>

#include "base/oci_layout.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt {

inline constexpr const char* kRefName = "org.opencontainers.image.ref.name";

// Exclusive, until the descriptor is closed. Taken after the lock on the store's contents.
Result<UniqueFd> lock_image_index(int images);

// An index without manifests when there is no file.
Result<Json> read_image_index(int images);

// Replaces the file: whole and on disk, or as it was. Room for this is kept free, so that
// images can be removed when the disk is full.
Result<void> write_image_index(int images, const Json& index);

// Gives a manifest a name, taking it from whatever had it; what else the descriptor says
// (annotations, platform) is kept. An image that loses its last name this way stays, without
// one. With an empty name the manifest is only listed.
void name_image(Json& index, const Json& descriptor, const std::string& name);

// Takes the entries out of which `gone` is true; whether there were any.
template <typename Gone>
bool drop_images(Json& index, Gone gone) {
  Json kept = Json::array();
  bool dropped = false;
  for (Json& entry : index["manifests"]) {
    if (gone(entry))
      dropped = true;
    else
      kept.push_back(std::move(entry));
  }
  index["manifests"] = std::move(kept);
  return dropped;
}

}  // namespace rcrt
