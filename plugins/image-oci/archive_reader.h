// SPDX-License-Identifier: MIT
// The entries of a tar stream, checked: names inside the archive's root, sizes in limits.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "plugins/image-oci/byte_source.h"
#include "plugins/image-oci/limits.h"

struct archive;
struct archive_entry;

namespace rcrt::image_oci {

struct Entry {
  std::string path;  // relative, without "." and ".."; "" is the root
  mode_t type = 0;   // S_IFREG...; 0 for a hard link
  mode_t mode = 0;   // permission bits, setuid and friends
  uid_t uid = 0;
  gid_t gid = 0;
  uint64_t size = 0;
  dev_t device = 0;
  timespec mtime{};
  std::string target;  // a symbolic link's text; a hard link's path, checked as `path` is
  std::vector<std::pair<std::string, std::string>> xattrs;
};

// A name of an archive as a path below its root; an Error when it has ".." or is too long.
Result<std::string> clean_path(std::string_view name, const Limits& limits);

class ArchiveReader {
 public:
  ArchiveReader(PieceSource& stream, const Limits& limits);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  Result<void> open();
  // False at the end. The last file need not be filled up to a whole block: umoci's are not.
  Result<bool> next(Entry& entry);
  // A piece of the current file's data; false at its end. Holes lie between pieces.
  Result<bool> data(const void** data, size_t* size, uint64_t* offset);

 private:
  std::unexpected<Error> failure(std::string_view what) const;
  static ssize_t read_stream(archive* a, void* self, const void** data);

  PieceSource& stream_;
  const Limits& limits_;
  archive* archive_ = nullptr;
  uint64_t entries_ = 0;
  Error stream_failure_;
  bool stream_failed_ = false, stream_ended_ = false;
  uint64_t size_ = 0, end_ = 0;  // of the current file, and of what was read of it
  bool finished_ = false;
};

}  // namespace rcrt::image_oci
