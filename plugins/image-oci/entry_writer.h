// SPDX-License-Identifier: MIT
// Writes the entries of a layer below one directory, and nowhere else, whatever their names say.
// Whiteouts become overlayfs': a character device 0:0, or trusted.overlay.opaque on a directory.
#pragma once

#include <time.h>

#include <string>
#include <vector>

#include "archive_reader.h"
#include "base/unique_fd.h"

namespace rcrt::oci {

class EntryWriter {
 public:
  // `root`, an open directory, is borrowed.
  EntryWriter(int root, const Limits& limits) : root_(root), limits_(limits) {}

  Result<void> write(archive_entry* entry, ArchiveReader& data);
  // Sets the directories' times, which writing into them changed.
  Result<void> finish();

 private:
  Result<void> open_parent(const std::string& path);
  Result<void> whiteout(const std::string& name);
  Result<void> directory(archive_entry* entry, const std::string& path, const std::string& name);
  Result<void> file(archive_entry* entry, const std::string& name, ArchiveReader& data);
  Result<void> link(archive_entry* entry, const std::string& name);
  Result<void> special(archive_entry* entry, const std::string& name);
  Result<void> clear(const std::string& name, bool* was_whiteout);
  Result<void> attributes(archive_entry* entry, int fd);
  Result<void> count(uint64_t bytes);

  int root_;
  Limits limits_;
  uint64_t entries_ = 0, size_ = 0;
  // The directory of the entry before, mostly that of the next too.
  std::string parent_path_;
  UniqueFd parent_;
  struct Times {
    std::string path;
    timespec modified;
  };
  std::vector<Times> directories_;
};

}  // namespace rcrt::oci
