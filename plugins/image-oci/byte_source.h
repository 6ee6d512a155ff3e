// SPDX-License-Identifier: MIT
// Where a layer's bytes come from: a file, or a download that is still going on.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Up to `size` bytes, fewer only at the end. May wait.
  virtual Result<size_t> read(void* data, size_t size) = 0;
};

// A file from its position. Borrowed.
class FdSource : public ByteSource {
 public:
  explicit FdSource(int fd) : fd_(fd) {}
  Result<size_t> read(void* data, size_t size) override { return read_full(fd_, data, size); }

 private:
  int fd_;
};

}  // namespace rcrt::image_oci
