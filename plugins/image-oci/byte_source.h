// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace rcrt::image_oci {

// Bytes, one read after the other.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // At least one byte and at most `size`; 0 at the end.
  virtual Result<size_t> read(void* data, size_t size) = 0;
};

// Bytes in pieces that are somebody else's memory.
class PieceSource {
 public:
  virtual ~PieceSource() = default;
  // The next piece, valid until the next call; 0 at the end.
  virtual Result<size_t> next(const void** data) = 0;
};

// A descriptor (borrowed), from its position.
class FdSource final : public ByteSource {
 public:
  explicit FdSource(int fd) : fd_(fd) {}
  Result<size_t> read(void* data, size_t size) override;

 private:
  int fd_;
};

}  // namespace rcrt::image_oci
