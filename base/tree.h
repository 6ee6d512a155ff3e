// SPDX-License-Identifier: MIT
// Deletes a directory tree by descriptors: never follows a symbolic link, never leaves
// the file system mount it started on, and needs neither path names nor a descriptor
// for every level of a deep tree.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace rcrt {

// Deletes `name` in the directory `parent`, whatever it is. It need not exist. Immutable and
// append-only flags are taken off where that is what stands in the way.
Result<void> remove_tree(int parent, const char* name);

// The same for an absolute path; its parent folders may be absent too.
Result<void> remove_tree(const char* path);

// What a file or tree takes on the disk, in bytes, for reports: 0 when it is not there. A file
// with several names counts in equal parts; what lies deeper than 64 levels not at all.
uint64_t tree_bytes(int parent, const char* name, int depth = 0);

}  // namespace rcrt
