// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "base/result.h"

namespace rcrt::image_oci {

using Sink = std::function<Result<void>(const void* data, size_t size)>;

struct ArchiveOptions {
  // The directory holds the changes of an overlayfs: its whiteouts and opaque directories are
  // written as an image's.
  bool overlay = false;
  // Files may change while they are read: one that shrinks is filled up with zeros.
  bool changing = false;
};

// Writes the directory `root`, which is borrowed, as a plain pax tar, names sorted. Stays on its
// file system: of what is mounted below, only the mount point is taken.
Result<void> archive_tree(int root, const Sink& out, const ArchiveOptions& options = {});

}  // namespace rcrt::image_oci
