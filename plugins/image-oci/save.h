// SPDX-License-Identifier: MIT
// Images out of the store into archives and folders.
#pragma once

#include <string>
#include <vector>

#include "base/image_source.h"
#include "base/result.h"
#include "plugins/image-oci/blob_progress.h"
#include "plugins/image-oci/limits.h"
#include "plugins/image-oci/output_files.h"
#include "plugins/image-oci/store.h"

namespace rcrt::image_oci {

struct SavedImage {
  FoundImage image;
  std::vector<std::string> names;  // what it is called there; may be empty
};

struct SaveRequest {
  std::vector<std::string> images;  // names as stored, or full ids
  ImageSource destination;          // never registry
  int to = -1;                      // an archive to be written instead of destination.path; borrowed
  Limits limits;
  ProgressSink progress;
};
Result<void> save_images(const Store& store, const SaveRequest& request);

// --- what it is made of
// Where to, and whom to tell of it.
struct SaveOutput {
  OutputFiles& files;
  ProgressBoard& board;

  // A layer of `size` bytes, known as `digest`, unless it is there already.
  Result<void> add_layer(const std::string& path, const std::string& digest, uint64_t size,
                         ByteSource& source) const;
};
// One form each. With an empty folder, "" is `index_before`; else what index.json says there.
Result<void> save_layout(const Store& store, const std::vector<SavedImage>& images, const SaveOutput& out,
                         const std::string& index_before);
Result<void> save_docker(const Store& store, const std::vector<SavedImage>& images, const SaveOutput& out,
                         const Limits& limits);
Result<void> save_dir(const Store& store, const SavedImage& image, const SaveOutput& out);

}  // namespace rcrt::image_oci
