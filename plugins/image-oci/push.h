// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/result.h"
#include "plugins/image-oci/blob_progress.h"
#include "plugins/image-oci/registry.h"

namespace rcrt::image_oci {

struct PushRequest {
  std::string root, name;   // a name of the store, or a full id
  std::string destination;  // a reference; empty: the name
  int parallel = 4;
  uint64_t chunk_bytes = 64 << 20;
  RegistryAccess access;
  std::string registries_conf, registries_conf_dir;
  ProgressSink progress;
};

struct PushedImage {
  std::string name, digest;
};

Result<PushedImage> push_image(const PushRequest& request);

}  // namespace rcrt::image_oci
