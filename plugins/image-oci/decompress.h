// SPDX-License-Identifier: MIT
// Compressed bytes in, plain bytes out: gzip with ISA-L (twice as fast as zlib), zstd, and for
// imported archives what libarchive knows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "plugins/image-oci/byte_source.h"
#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/limits.h"

namespace rcrt::image_oci {

enum class Compression { kNone, kGzip, kZstd, kOther };

Compression compression_of(std::string_view beginning);
const char* layer_media_type(Compression compression);

// The compressed side: what was read and not yet taken, counted and hashed as it comes.
class Input {
 public:
  explicit Input(ByteSource& source) : source_(source), buffer_(256 << 10) {}

  // Reads until there are at least `size` bytes to look at, or the end has come.
  Result<std::string_view> peek(size_t size);
  // Reads more when everything was taken. False at the end.
  Result<bool> fill();
  std::string_view left() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void take(size_t size) { begin_ += size; }

  uint64_t bytes() const { return bytes_; }
  Sha256& hash() { return hash_; }

 private:
  ByteSource& source_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;
  uint64_t bytes_ = 0;
  Sha256 hash_;
};

// The plain side of `input`, whose compression was looked up with peek(). Borrows it.
Result<std::unique_ptr<ByteSource>> decompress(Input& input, Compression compression, const Limits& limits);

}  // namespace rcrt::image_oci
