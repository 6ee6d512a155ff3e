// SPDX-License-Identifier: MIT
// Where an image is saved to: a tar archive, or a folder.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "plugins/image-oci/byte_source.h"

namespace rcrt::image_oci {

class OutputFiles {
 public:
  virtual ~OutputFiles() = default;
  virtual bool has(const std::string& path) const = 0;
  // A file of exactly `size` bytes. Folders above it are made.
  virtual Result<void> add(const std::string& path, uint64_t size, ByteSource& source) = 0;
  // Nothing more comes.
  virtual Result<void> finish() = 0;

  Result<void> add_text(const std::string& path, std::string_view text);
};

// Names, sizes and bytes, nothing of when and by whom: the same image is the same archive.
Result<std::unique_ptr<OutputFiles>> tar_output(int out);
// Made if it is missing. Files that are there already are kept.
Result<std::unique_ptr<OutputFiles>> folder_output(const std::string& path);

}  // namespace rcrt::image_oci
