// SPDX-License-Identifier: MIT
#include "plugins/image-oci/layer_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <cstring>

#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

constexpr size_t kBuffer = 256 << 10;

Compression compression_of(const char* data, size_t size) {
  auto begins = [&](std::string_view magic) {
    return size >= magic.size() && std::memcmp(data, magic.data(), magic.size()) == 0;
  };
  if (begins("\x1f\x8b")) return Compression::kGzip;
  if (begins("\x28\xb5\x2f\xfd")) return Compression::kZstd;
  if (begins("BZh") ||
      begins("\xfd"
             "7zXZ") ||
      begins("\x04\x22\x4d\x18") || begins("\x5d\x00\x00") || begins("\x1f\x9d"))
    return Compression::kOther;
  return Compression::kNone;
}

// libarchive falls back to running a program for a filter it was built without, and says
// so with ARCHIVE_WARN; such a filter must not be used.
void support(archive* a, int (*filter)(archive*)) {
  archive* probe = archive_read_new();
  if (probe != nullptr && filter(probe) == ARCHIVE_OK) filter(a);
  archive_read_free(probe);
}

}  // namespace

LayerStream::LayerStream(int source, int blob, const Limits& limits)
    : file_(source), source_(file_), blob_(blob), limits_(limits), buffer_(kBuffer) {}

LayerStream::LayerStream(ByteSource& source, int blob, const Limits& limits)
    : file_(-1), source_(source), blob_(blob), limits_(limits), buffer_(kBuffer) {}

LayerStream::~LayerStream() {
  if (filter_ != nullptr) archive_read_free(filter_);
}

const char* LayerStream::media_type() const {
  if (compression_ == Compression::kGzip) return "application/vnd.oci.image.layer.v1.tar+gzip";
  if (compression_ == Compression::kZstd) return "application/vnd.oci.image.layer.v1.tar+zstd";
  return "application/vnd.oci.image.layer.v1.tar";
}

Result<void> LayerStream::open() {
  RCRT_ASSIGN(peeked_, source_.read(buffer_.data(), buffer_.size()));
  compression_ = compression_of(buffer_.data(), peeked_);
  keep_source_ = compression_ == Compression::kGzip || compression_ == Compression::kZstd;
  if (compression_ == Compression::kNone) return {};

  plain_.resize(kBuffer);
  filter_ = archive_read_new();
  if (filter_ == nullptr) return error("cannot read the archive", {}, {}, ENOMEM);
  archive_read_support_format_raw(filter_);
  archive_read_support_format_empty(filter_);
  if (compression_ == Compression::kGzip)
    support(filter_, archive_read_support_filter_gzip);
  else if (compression_ == Compression::kZstd)
    support(filter_, archive_read_support_filter_zstd);
  else
    for (auto filter :
         {archive_read_support_filter_bzip2, archive_read_support_filter_xz, archive_read_support_filter_lzma,
          archive_read_support_filter_lz4, archive_read_support_filter_compress})
      support(filter_, filter);
  archive_entry* entry = nullptr;
  if (archive_read_open(filter_, this, nullptr, read_source, nullptr) != ARCHIVE_OK ||
      archive_read_next_header(filter_, &entry) != ARCHIVE_OK) {
    if (failure_.code != 0) return std::unexpected(failure_);
    const char* text = archive_error_string(filter_);
    return error("cannot decompress the archive", {}, text != nullptr ? text : "it is damaged", EBADMSG);
  }
  if (archive_filter_count(filter_) < 2)
    return error("cannot decompress the archive", {}, "libarchive was built without its compression",
                 ENOTSUP);
  return {};
}

Result<void> LayerStream::keep(const void* data, size_t size) {
  blob_size_ += size;
  blob_hash_.update(data, size);
  if (blob_ < 0) return {};
  return write_full(blob_, data, size);
}

Result<void> LayerStream::count(size_t size) {
  plain_bytes_ += size;
  if (plain_bytes_ > limits_.total_bytes)
    return error("archive too large", {}, "raise the limit total_bytes if it is what it should be", EFBIG);
  if (plain_bytes_ > limits_.ratio_free_bytes && filter_ != nullptr &&
      (plain_bytes_ - limits_.ratio_free_bytes) / limits_.ratio > compressed_bytes_)
    return error("archive compressed beyond belief", {}, "raise the limit ratio if it is what it should be",
                 EFBIG);
  return {};
}

ssize_t LayerStream::read_source(archive* a, void* context, const void** data) {
  auto* self = static_cast<LayerStream*>(context);
  size_t size = self->peeked_;
  if (self->peeked_taken_) {
    auto got = self->source_.read(self->buffer_.data(), self->buffer_.size());
    if (!got) {
      self->failure_ = got.error();
      archive_set_error(a, got.error().code, "%s", got.error().message().c_str());
      return -1;
    }
    size = *got;
  }
  self->peeked_taken_ = true;
  self->compressed_bytes_ += size;
  if (self->keep_source_ && size > 0)
    if (auto kept = self->keep(self->buffer_.data(), size); !kept) {
      self->failure_ = kept.error();
      archive_set_error(a, kept.error().code, "%s", kept.error().message().c_str());
      return -1;
    }
  *data = self->buffer_.data();
  return static_cast<ssize_t>(size);
}

Result<size_t> LayerStream::next(const void** data) {
  if (ended_) return 0;
  size_t size = 0;
  if (filter_ == nullptr) {
    if (peeked_taken_) {
      RCRT_ASSIGN(size, source_.read(buffer_.data(), buffer_.size()));
    } else {
      size = peeked_;
      peeked_taken_ = true;
    }
    *data = buffer_.data();
  } else {
    const ssize_t got = archive_read_data(filter_, plain_.data(), plain_.size());
    if (got < 0) {
      if (failure_.code != 0) return std::unexpected(failure_);
      const char* text = archive_error_string(filter_);
      return error("cannot decompress the archive", {}, text != nullptr ? text : "it is damaged", EBADMSG);
    }
    size = static_cast<size_t>(got);
    *data = plain_.data();
  }
  if (size == 0) {
    ended_ = true;
    return 0;
  }
  RCRT_TRY(count(size));
  diff_hash_.update(*data, size);
  if (!keep_source_) RCRT_TRY(keep(*data, size));
  return size;
}

Result<void> LayerStream::finish() {
  const void* data = nullptr;
  while (true) {
    RCRT_ASSIGN(const size_t size, next(&data));
    if (size == 0) break;
  }
  // Bytes after the end of the compressed stream belong to the blob all the same.
  while (keep_source_) {
    RCRT_ASSIGN(const size_t size, source_.read(buffer_.data(), buffer_.size()));
    if (size == 0) break;
    RCRT_TRY(keep(buffer_.data(), size));
  }
  diff_hex_ = diff_hash_.hex();
  blob_hex_ = blob_hash_.hex();
  return {};
}

}  // namespace rcrt::image_oci
