// SPDX-License-Identifier: MIT
// Whiteouts applied to a directory that holds the layers below.
#pragma once

#include <sys/types.h>

#include <string>
#include <unordered_set>

#include "base/result.h"

namespace rcrt::image_oci {

// Deletes `name` below `parent`, except what is in `keep` (inode numbers of what the same
// layer wrote) and the directories that lead there. True when something was kept.
Result<bool> purge(int parent, const std::string& name, const std::unordered_set<ino_t>& keep);
// The same for everything in a directory.
Result<bool> purge_children(int dir, const std::unordered_set<ino_t>& keep);

}  // namespace rcrt::image_oci
