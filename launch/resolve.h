// SPDX-License-Identifier: MIT
// Paths inside the container's root. Nothing here can reach, or create anything,
// outside it: the kernel resolves every path with the root as "/", and new entries
// are made by a single name in a directory that was resolved so.
#pragma once

#include <stdint.h>

namespace rcrt::launch {

// Opens `path` in `root` with openat2; magic links (/proc/self/fd/N) are refused.
int open_in_root(int root, const char* path, uint64_t flags, uint64_t resolve = 0);

// An O_PATH descriptor of `path`, made with its folders if missing: as an empty file
// or as a folder. *existed says whether it was there.
int open_or_create(int root, const char* path, bool as_file, uint64_t resolve, bool* existed = nullptr);

// Opens (or creates) the folder that holds `path` and points *name at its last part.
int open_parent(int root, const char* path, const char** name);

}  // namespace rcrt::launch
