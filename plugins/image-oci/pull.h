// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "plugins/image-oci/blob_progress.h"
#include "plugins/image-oci/limits.h"
#include "plugins/image-oci/registry.h"

namespace rcrt::image_oci {

struct PullRequest {
  std::string root, reference, platform;
  bool all_tags = false;
  bool only_missing = false;  // what the store has under any name the reference may mean is it
  int parallel = 4;
  RegistryAccess access;
  std::string registries_conf, registries_conf_dir;
  Limits limits;
  ProgressSink progress;  // may be empty
  std::function<void(const std::string&)> warn;
};

struct PulledImage {
  std::string name, id, digest;
  bool news = false;  // the store had another one, or none
};

Result<std::vector<PulledImage>> pull_images(const PullRequest& request);

}  // namespace rcrt::image_oci
