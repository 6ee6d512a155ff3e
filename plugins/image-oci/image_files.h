// SPDX-License-Identifier: MIT
// The files an image comes in: a folder, or an archive that was unpacked into the store's
// incoming/ as it came (staged), for its parts are in no particular order.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "plugins/image-oci/layer_intake.h"
#include "plugins/image-oci/limits.h"
#include "plugins/image-oci/store.h"

namespace rcrt::image_oci {

class ImageFiles {
 public:
  virtual ~ImageFiles() = default;
  virtual bool has(const std::string& path) const = 0;
  // A document, refused above the size of any.
  virtual Result<std::string> read(const std::string& path) const = 0;
  virtual Result<uint64_t> size(const std::string& path) const = 0;
  // The same text for two paths that are the same file.
  virtual Result<std::string> identity(const std::string& path) const = 0;
  virtual Result<void> feed(const std::string& path, LayerIntake& layer) const = 0;
};

Result<std::unique_ptr<ImageFiles>> open_folder(const std::string& path);

// Reads a tar archive, compressed or not, from the descriptor, which is borrowed. Regular files
// and links between them; anything else is ignored.
Result<std::unique_ptr<ImageFiles>> stage_archive(const Store& store, int source, const Limits& limits);

}  // namespace rcrt::image_oci
