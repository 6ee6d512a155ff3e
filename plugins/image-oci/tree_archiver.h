// SPDX-License-Identifier: MIT
#pragma once

#include "base/result.h"

namespace rcrt::image_oci {

// Writes the directory `root` as a plain pax tar to `out`, names sorted. Stays on its file
// system: of what is mounted below, only the mount point is taken. Both are borrowed.
Result<void> archive_tree(int root, int out);

}  // namespace rcrt::image_oci
