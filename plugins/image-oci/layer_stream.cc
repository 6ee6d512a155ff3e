// SPDX-License-Identifier: MIT
#include "plugins/image-oci/layer_stream.h"

#include <exception>

namespace rcrt::image_oci {

LayerStream::LayerStream(BlobFile& blob, const Limits& limits)
    : blob_(blob), limits_(limits), thread_([this] { run(); }) {}

LayerStream::~LayerStream() {
  if (!thread_.joinable()) return;
  blob_.abandon();
  queue_.cancel();
  thread_.join();
}

Result<void> LayerStream::check(uint64_t plain, uint64_t compressed) const {
  if (plain > limits_.total_bytes)
    return error("archive too large", {}, "raise the limit total_bytes if it is what it should be", EFBIG);
  if (plain > limits_.ratio_free_bytes && (plain - limits_.ratio_free_bytes) / limits_.ratio > compressed)
    return error("archive compressed beyond belief", {}, "raise the limit ratio if it is what it should be",
                 EFBIG);
  return {};
}

Result<void> LayerStream::decompress_all() {
  Input input(blob_);
  RCRT_ASSIGN(const std::string_view beginning, input.peek(8));
  compression_ = compression_of(beginning);
  RCRT_ASSIGN(const auto plain, decompress(input, compression_, limits_));
  Sha256 diff_hash;
  uint64_t bytes = 0;
  while (char* space = queue_.space()) {
    RCRT_ASSIGN(const size_t size, plain->read(space, ChunkQueue::kChunk));
    if (size == 0) break;
    bytes += size;
    RCRT_TRY(check(bytes, input.bytes()));
    diff_hash.update(space, size);
    queue_.filled(size);
  }
  // Bytes after the end of the compressed stream belong to the blob all the same.
  while (true) {
    RCRT_ASSIGN(const bool more, input.fill());
    if (!more) break;
    input.take(input.left().size());
  }
  diff_hex_ = diff_hash.hex();
  blob_hex_ = input.hash().hex();
  blob_size_ = input.bytes();
  return {};
}

void LayerStream::run() {
  try {
    if (auto done = decompress_all(); !done) return queue_.end(done.error());
    queue_.end();
  } catch (const std::exception& failure) {
    queue_.end(Error{"cannot decompress the archive", {}, ENOMEM, failure.what(), {}});
  }
}

Result<size_t> LayerStream::next(const void** data) {
  if (failure_) return std::unexpected(*failure_);
  if (ended_) return 0;
  auto size = queue_.next(data);
  if (!size) failure_ = size.error();
  ended_ = size && *size == 0;
  return size;
}

Result<void> LayerStream::finish() {
  const void* data = nullptr;
  while (true) {
    RCRT_ASSIGN(const size_t size, next(&data));
    if (size == 0) break;
  }
  if (thread_.joinable()) thread_.join();
  return {};
}

}  // namespace rcrt::image_oci
