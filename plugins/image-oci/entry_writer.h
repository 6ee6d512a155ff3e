// SPDX-License-Identifier: MIT
// Writes the entries of a layer below a directory. No entry, whatever its name or the
// links before it, reaches anything outside: parents are opened with RESOLVE_IN_ROOT, the
// last component is never followed.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/result.h"
#include "base/unique_fd.h"
#include "plugins/image-oci/archive_reader.h"

namespace rcrt::image_oci {

enum class Whiteouts {
  kOverlay,  // become overlayfs's: the directory is one layer of several
  kApply,    // delete: the directory holds the layers below
};

class EntryWriter {
 public:
  // `root` is borrowed.
  EntryWriter(int root, Whiteouts whiteouts, const Limits& limits);

  // `reader` has the data of a regular file.
  Result<void> write(const Entry& entry, ArchiveReader& reader);
  // Sets the times of directories, which every entry in them changed. Directories that the
  // archive does not list keep theirs.
  Result<void> finish();

 private:
  Result<void> write_in(int parent, const std::string& name, const Entry& entry, ArchiveReader& reader);
  Result<void> write_file(int parent, const std::string& name, const Entry& entry, ArchiveReader& reader);
  Result<void> write_directory(int parent, const std::string& name, const Entry& entry, bool opaque);
  Result<void> write_hard_link(int parent, const std::string& name, const Entry& entry);
  Result<void> write_special(int parent, const std::string& name, const Entry& entry);
  Result<void> whiteout(int parent, const std::string& name);
  Result<void> set_directory(int fd, const Entry& entry);
  Result<int> parent_of(const std::string& path);
  Result<UniqueFd> open_or_make(const std::string& path);
  Result<void> keep_time(int fd, const std::string& path);
  Result<void> note_directory(const std::string& path, timespec time);
  void touched(int parent, const std::string& name);

  int root_;
  Whiteouts whiteouts_;
  const Limits& limits_;
  std::string parent_path_;
  UniqueFd parent_;                                  // the directory at parent_path_
  bool parent_stale_ = false;                        // something was removed: look it up again
  std::unordered_map<std::string, timespec> times_;  // of directories
  uint64_t directory_bytes_ = 0;
  std::unordered_set<ino_t> touched_;  // kApply: what this layer wrote, whiteouts leave it
};

}  // namespace rcrt::image_oci
