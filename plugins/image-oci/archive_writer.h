// SPDX-License-Identifier: MIT
// Writes a directory as a tar archive.
#pragma once

#include "base/result.h"

namespace rcrt::oci {

// The tree below `directory`, sorted, without what is mounted in it and without sockets.
// Gives the SHA-256 of what was written to `to`.
Result<std::string> archive_directory(int directory, int to);

}  // namespace rcrt::oci
