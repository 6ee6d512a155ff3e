// SPDX-License-Identifier: MIT
// Images out of archives and folders into the store.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/image_source.h"
#include "base/result.h"
#include "plugins/image-oci/blob_progress.h"
#include "plugins/image-oci/image_files.h"
#include "plugins/image-oci/limits.h"
#include "plugins/image-oci/store.h"

namespace rcrt::image_oci {

struct LoadedImage {
  std::string name;  // normalised; empty when the source names none
  std::string id;    // "sha256:<hex>" of the configuration
  std::string digest;
};

struct LoadRequest {
  // The transport is not looked at when `detect` is set: the path is a folder or archive of any
  // kind. Never registry.
  ImageSource source;
  bool detect = false;
  int from = -1;     // an archive to be read instead of source.path; borrowed
  std::string name;  // what the image shall be called, instead of what the source says
  Limits limits;
  // Called for each image that is in the store.
  std::function<void(const LoadedImage&)> loaded;
  ProgressSink progress;
};
Result<std::vector<LoadedImage>> load_images(const Store& store, const LoadRequest& request);

// --- what it is made of: one form each. `reference` picks one image, "" takes all.
Result<std::vector<LoadedImage>> load_layout(const Store& store, const ImageFiles& files,
                                             const LoadRequest& request);
Result<std::vector<LoadedImage>> load_docker(const Store& store, const ImageFiles& files,
                                             const LoadRequest& request);
Result<std::vector<LoadedImage>> load_dir(const Store& store, const ImageFiles& files,
                                          const LoadRequest& request);

}  // namespace rcrt::image_oci
