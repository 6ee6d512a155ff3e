// SPDX-License-Identifier: MIT
// Copies a directory tree by descriptors: never follows a symbolic link, never leaves the file
// system mount it started on.
#pragma once

#include "base/result.h"

namespace rcrt {

// Copies what is in the directory `from` into the directory `to`, which is empty, and gives it
// from's owner, mode and times. Owners, modes, times, extended attributes and hard links
// stay; device nodes and sockets are left out, and what is mounted below is not entered.
Result<void> copy_tree(int from, int to);

}  // namespace rcrt
