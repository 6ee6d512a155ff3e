// SPDX-License-Identifier: MIT
// A layer's bytes: read once, kept as a blob, decompressed, and hashed both ways.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "plugins/image-oci/byte_source.h"
#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/limits.h"

struct archive;

namespace rcrt::image_oci {

enum class Compression { kNone, kGzip, kZstd, kOther };

class LayerStream {
 public:
  // Reads `source` from its position. What the store keeps is written to `blob` (-1 keeps
  // nothing): the source as it is where an OCI layer may be so compressed, else the
  // plain tar. Descriptors are borrowed, and so is a source of the caller's.
  LayerStream(int source, int blob, const Limits& limits);
  LayerStream(ByteSource& source, int blob, const Limits& limits);
  ~LayerStream();
  LayerStream(const LayerStream&) = delete;
  LayerStream& operator=(const LayerStream&) = delete;

  Result<void> open();
  // The next plain bytes, valid until the next call; 0 at the end.
  Result<size_t> next(const void** data);
  // Reads and hashes what is left, and completes the blob.
  Result<void> finish();

  // After finish().
  const std::string& diff_hex() const { return diff_hex_; }
  const std::string& blob_hex() const { return blob_hex_; }
  uint64_t blob_size() const { return blob_size_; }
  const char* media_type() const;

 private:
  Result<void> keep(const void* data, size_t size);
  Result<void> count(size_t size);
  static ssize_t read_source(archive* a, void* self, const void** data);

  FdSource file_;
  ByteSource& source_;
  int blob_;
  const Limits& limits_;
  archive* filter_ = nullptr;
  Compression compression_ = Compression::kNone;
  bool keep_source_ = false;
  std::vector<char> buffer_, plain_;
  size_t peeked_ = 0;
  bool peeked_taken_ = false;
  uint64_t compressed_bytes_ = 0, plain_bytes_ = 0, blob_size_ = 0;
  bool ended_ = false;
  Sha256 diff_hash_, blob_hash_;
  std::string diff_hex_, blob_hex_;
  Error failure_;  // of read_source
};

}  // namespace rcrt::image_oci
