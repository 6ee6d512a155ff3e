// SPDX-License-Identifier: MIT
// A layer's bytes, decompressed and hashed both ways by a thread of its own, while the
// caller does something with what is plain already.
#pragma once

#include <cstdint>
#include <string>
#include <thread>

#include "base/result.h"
#include "plugins/image-oci/blob_file.h"
#include "plugins/image-oci/chunk_queue.h"
#include "plugins/image-oci/decompress.h"
#include "plugins/image-oci/limits.h"

namespace rcrt::image_oci {

class LayerStream final : public PieceSource {
 public:
  // Reads the blob, which is borrowed, to its end. When the stream goes before that, the
  // blob is abandoned.
  LayerStream(BlobFile& blob, const Limits& limits);
  ~LayerStream() override;
  LayerStream(const LayerStream&) = delete;
  LayerStream& operator=(const LayerStream&) = delete;

  // The next plain bytes, valid until the next call; 0 at the end.
  Result<size_t> next(const void** data) override;
  // Reads and hashes what is left.
  Result<void> finish();

  // After finish().
  const std::string& diff_hex() const { return diff_hex_; }
  const std::string& blob_hex() const { return blob_hex_; }
  uint64_t blob_size() const { return blob_size_; }
  const char* media_type() const { return layer_media_type(compression_); }

 private:
  void run();
  Result<void> decompress_all();
  Result<void> check(uint64_t plain, uint64_t compressed) const;

  BlobFile& blob_;
  const Limits& limits_;
  ChunkQueue queue_;
  Compression compression_ = Compression::kNone;
  std::string diff_hex_, blob_hex_;
  uint64_t blob_size_ = 0;
  bool ended_ = false;
  std::optional<Error> failure_;
  std::thread thread_;
};

}  // namespace rcrt::image_oci
