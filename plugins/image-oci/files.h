// SPDX-License-Identifier: MIT
// Files reached from a directory's descriptor; nothing here follows a link out of it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt::image_oci {

// Says what was being done when `below` happened, and keeps its errno, object and hint.
std::unexpected<Error> in_context(const Error& below, std::string_view what, std::string_view object);

// Up to `size` bytes, fewer only at the end of the file.
Result<size_t> read_full(int fd, void* data, size_t size);
Result<void> write_full(int fd, const void* data, size_t size);

// openat2(2) inside `root`: symbolic links are followed as if `root` were "/".
Result<UniqueFd> open_in_root(int root, const std::string& path, uint64_t flags);
// A directory, made if it is missing (0700 unless mode says otherwise).
Result<UniqueFd> make_directory(int parent, const char* name, mode_t mode = 0700);
// What is in a directory, without "." and "..".
Result<std::vector<std::string>> names_in(int dir);

Result<std::string> read_small_file(int parent, const char* name, size_t limit);
Result<std::string> read_small_file(int fd, const std::string& object, size_t limit);
// A file that is there with all of its content, or not at all: temporary name, sync, rename.
Result<void> write_file_atomically(int parent, const char* name, std::string_view text);
Result<void> sync_directory(int fd);

}  // namespace rcrt::image_oci
