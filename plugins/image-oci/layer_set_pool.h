// SPDX-License-Identifier: MIT
// What layer_intake.cc and layer_set.cc share.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "plugins/image-oci/layer_intake.h"

namespace rcrt::image_oci {

inline constexpr const char* kBlobName = "blob";
inline constexpr const char* kTreeName = "tree";

struct LayerSet::Pool {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::thread> threads;
  unsigned workers = 1;
  bool stopping = false;
};

}  // namespace rcrt::image_oci
