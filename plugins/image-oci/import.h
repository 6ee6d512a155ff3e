// SPDX-License-Identifier: MIT
// What the plugin does, one function a verb.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/oci_layout.h"
#include "base/result.h"
#include "plugins/image-oci/limits.h"

namespace rcrt::image_oci {

struct ImportRequest {
  std::string root, source, name;
  std::string created;  // RFC 3339; now when empty
  Json config = Json::object();
  Limits limits;
};
// The new image's id.
Result<std::string> import_image(const ImportRequest& request);

Result<void> unpack_image(const std::string& root, const std::string& name, const std::string& directory,
                          const Limits& limits);

// Bytes freed.
Result<uint64_t> prune_store(const std::string& root, const std::vector<std::string>& keep);

}  // namespace rcrt::image_oci
