// SPDX-License-Identifier: MIT
#include "plugins/image-oci/decompress.h"

#include <archive.h>
#include <archive_entry.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace rcrt::image_oci {
namespace {

std::unexpected<Error> damaged(std::string_view why) {
  return error("cannot decompress the archive", {}, why, EBADMSG);
}

class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(Input& input) : input_(input) {}
  Result<size_t> read(void* data, size_t size) override {
    RCRT_ASSIGN(const bool more, input_.fill());
    if (!more) return 0;
    size = std::min(size, input_.left().size());
    std::memcpy(data, input_.left().data(), size);
    input_.take(size);
    return size;
  }

 private:
  Input& input_;
};

class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(Input& input) : input_(input) { begin_member(); }

  Result<size_t> read(void* data, size_t size) override {
    state_.next_out = static_cast<uint8_t*>(data);
    state_.avail_out = static_cast<uint32_t>(std::min<size_t>(size, 1 << 30));
    const uint32_t wanted = state_.avail_out;
    while (state_.avail_out == wanted) {
      RCRT_ASSIGN(const bool more, input_.fill());
      if (!in_member_) {
        if (!more) return 0;
        RCRT_ASSIGN(const bool another, next_member());
        if (!another) return 0;
      }
      const std::string_view left = input_.left();
      state_.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(left.data()));
      state_.avail_in = static_cast<uint32_t>(left.size());
      const int status = isal_inflate(&state_);
      input_.take(left.size() - state_.avail_in);
      if (status == ISAL_INCORRECT_CHECKSUM) return damaged("its checksum is wrong");
      if (status < 0) return damaged("it is no valid gzip");
      if (state_.block_state == ISAL_BLOCK_FINISH) {
        in_member_ = false;
      } else if (!more && state_.avail_out == wanted) {
        return damaged("it is cut short");
      }
    }
    return wanted - state_.avail_out;
  }

 private:
  void begin_member() {
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_GZIP;
    in_member_ = true;
  }
  // Another compressed stream may follow; zeros that fill up a tape's block may too.
  Result<bool> next_member() {
    while (true) {
      RCRT_ASSIGN(const bool more, input_.fill());
      if (!more) return false;
      if (input_.left().front() != '\0') break;
      input_.take(1);
    }
    RCRT_ASSIGN(const std::string_view magic, input_.peek(2));
    if (!magic.starts_with("\x1f\x8b")) return damaged("something else follows the gzip stream");
    uint8_t* const out = state_.next_out;
    const uint32_t space = state_.avail_out;
    begin_member();
    state_.next_out = out;
    state_.avail_out = space;
    return true;
  }

  Input& input_;
  inflate_state state_;
  bool in_member_ = false;
};

class ZstdSource final : public ByteSource {
 public:
  ZstdSource(Input& input, const Limits& limits) : input_(input), context_(ZSTD_createDCtx()) {
    if (context_ == nullptr) throw std::bad_alloc();
    const ZSTD_bounds bounds = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
    const int log = static_cast<int>(std::bit_width(limits.window_bytes)) - 1;
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax,
                           std::clamp(log, bounds.lowerBound, bounds.upperBound));
  }
  ~ZstdSource() override { ZSTD_freeDCtx(context_); }
  ZstdSource(const ZstdSource&) = delete;
  ZstdSource& operator=(const ZstdSource&) = delete;

  // Frames follow each other; the skippable ones of zstd:chunked hold its table of contents.
  Result<size_t> read(void* data, size_t size) override {
    ZSTD_outBuffer out = {data, size, 0};
    while (out.pos == 0) {
      RCRT_ASSIGN(const bool more, input_.fill());
      if (!more && !in_frame_) return 0;
      ZSTD_inBuffer in = {input_.left().data(), input_.left().size(), 0};
      const size_t status = ZSTD_decompressStream(context_, &out, &in);
      input_.take(in.pos);
      if (ZSTD_isError(status)) {
        if (ZSTD_getErrorCode(status) == ZSTD_error_frameParameter_windowTooLarge)
          return error("archive needs too much memory to decompress", {},
                       "raise the limit window_bytes if it is what it should be", EFBIG);
        return damaged(ZSTD_getErrorName(status));
      }
      in_frame_ = status != 0;
      if (!more && in_frame_ && out.pos == 0) return damaged("it is cut short");
    }
    return out.pos;
  }

 private:
  Input& input_;
  ZSTD_DCtx* context_;
  bool in_frame_ = false;
};

// libarchive falls back to running a program for a filter it was built without, and says
// so with ARCHIVE_WARN; such a filter must not be used.
void support(archive* a, int (*filter)(archive*)) {
  archive* probe = archive_read_new();
  if (probe != nullptr && filter(probe) == ARCHIVE_OK) filter(a);
  archive_read_free(probe);
}

class FilterSource final : public ByteSource {
 public:
  explicit FilterSource(Input& input) : input_(input), filter_(archive_read_new()) {
    if (filter_ == nullptr) throw std::bad_alloc();
  }
  ~FilterSource() override { archive_read_free(filter_); }
  FilterSource(const FilterSource&) = delete;
  FilterSource& operator=(const FilterSource&) = delete;

  Result<void> open() {
    archive_read_support_format_raw(filter_);
    archive_read_support_format_empty(filter_);
    for (auto filter :
         {archive_read_support_filter_bzip2, archive_read_support_filter_xz, archive_read_support_filter_lzma,
          archive_read_support_filter_lz4, archive_read_support_filter_compress})
      support(filter_, filter);
    archive_entry* entry = nullptr;
    if (archive_read_open(filter_, this, nullptr, read_input, nullptr) != ARCHIVE_OK ||
        archive_read_next_header(filter_, &entry) != ARCHIVE_OK)
      return failure();
    if (archive_filter_count(filter_) < 2)
      return error("cannot decompress the archive", {}, "libarchive was built without its compression",
                   ENOTSUP);
    return {};
  }
  Result<size_t> read(void* data, size_t size) override {
    const ssize_t got = archive_read_data(filter_, data, size);
    if (got < 0) return failure();
    return static_cast<size_t>(got);
  }

 private:
  std::unexpected<Error> failure() const {
    if (failed_) return std::unexpected(failure_);
    const char* text = archive_error_string(filter_);
    return damaged(text != nullptr ? text : "it is damaged");
  }
  static ssize_t read_input(archive* a, void* context, const void** data) {
    auto* self = static_cast<FilterSource*>(context);
    self->input_.take(self->given_);
    auto more = self->input_.fill();
    if (!more) {
      self->failure_ = more.error();
      self->failed_ = true;
      archive_set_error(a, EIO, "%s", more.error().message().c_str());
      return -1;
    }
    *data = self->input_.left().data();
    self->given_ = self->input_.left().size();
    return static_cast<ssize_t>(self->given_);
  }

  Input& input_;
  archive* filter_;
  size_t given_ = 0;
  Error failure_;
  bool failed_ = false;
};

}  // namespace

Compression compression_of(std::string_view beginning) {
  if (beginning.starts_with("\x1f\x8b")) return Compression::kGzip;
  if (beginning.starts_with("\x28\xb5\x2f\xfd")) return Compression::kZstd;
  // A skippable frame before the first.
  if (beginning.size() >= 4 && (beginning[0] & 0xf0) == 0x50 &&
      beginning.substr(1).starts_with("\x2a\x4d\x18"))
    return Compression::kZstd;
  for (const std::string_view magic : {std::string_view("BZh"),
                                       std::string_view("\xfd"
                                                        "7zXZ"),
                                       std::string_view("\x04\x22\x4d\x18"),
                                       std::string_view("\x5d\x00\x00", 3), std::string_view("\x1f\x9d")})
    if (beginning.starts_with(magic)) return Compression::kOther;
  return Compression::kNone;
}

const char* layer_media_type(Compression compression) {
  if (compression == Compression::kGzip) return "application/vnd.oci.image.layer.v1.tar+gzip";
  if (compression == Compression::kZstd) return "application/vnd.oci.image.layer.v1.tar+zstd";
  return "application/vnd.oci.image.layer.v1.tar";
}

Result<std::string_view> Input::peek(size_t size) {
  while (end_ - begin_ < size) {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    RCRT_ASSIGN(const size_t got, source_.read(buffer_.data() + end_, buffer_.size() - end_));
    if (got == 0) break;
    hash_.update(buffer_.data() + end_, got);
    bytes_ += got;
    end_ += got;
  }
  return left();
}

Result<bool> Input::fill() {
  if (begin_ < end_) return true;
  begin_ = end_ = 0;
  RCRT_ASSIGN(const std::string_view there, peek(1));
  return !there.empty();
}

Result<std::unique_ptr<ByteSource>> decompress(Input& input, Compression compression, const Limits& limits) {
  switch (compression) {
    case Compression::kNone:
      return std::make_unique<PlainSource>(input);
    case Compression::kGzip:
      return std::make_unique<GzipSource>(input);
    case Compression::kZstd:
      return std::make_unique<ZstdSource>(input, limits);
    case Compression::kOther:
      break;
  }
  auto source = std::make_unique<FilterSource>(input);
  RCRT_TRY(source->open());
  return source;
}

}  // namespace rcrt::image_oci
