// SPDX-License-Identifier: MIT
// Reads tar archives through libarchive, by descriptor.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "digest.h"
#include "limits.h"

struct archive;
struct archive_entry;

namespace rcrt::oci {

struct ArchiveFree {
  void operator()(archive* a) const;
};
using ReadHandle = std::unique_ptr<archive, ArchiveFree>;

// Copies what is in `from` to `to` without its compression, whichever it is. Gives
// the SHA-256 of what was written.
Result<std::string> decompress(int from, int to, const Limits& limits, uint64_t* written);

// The entries of an uncompressed tar archive.
class ArchiveReader {
 public:
  // `fd` is borrowed and read from where it stands.
  static Result<ArchiveReader> open(int fd);

  // The next entry, valid until the next call; null at the end.
  Result<archive_entry*> next();
  // A piece of the entry's data and where it belongs. False at its end.
  Result<bool> data(const void** bytes, size_t* size, int64_t* offset);

 private:
  explicit ArchiveReader(ReadHandle handle) : handle_(std::move(handle)) {}
  ReadHandle handle_;
};

// While it lives, this thread reads names as UTF-8, whatever the process' locale.
class Utf8Names {
 public:
  Utf8Names();
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;
  ~Utf8Names();

 private:
  void* locale_;
  void* before_;
};

}  // namespace rcrt::oci
