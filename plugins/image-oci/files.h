// SPDX-License-Identifier: MIT
// Small helpers over *at() calls.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt::oci {

// `path` below the directory `root` as if that were "/": links and ".." stay inside.
UniqueFd open_in_root(int root, const std::string& path, int flags);
// The same, but no symbolic link is followed at all.
UniqueFd open_no_links(int root, const std::string& path, int flags);

Result<void> write_all(int fd, const void* data, size_t size);
Result<std::string> read_file(int directory, const std::string& name, size_t limit);
Result<void> make_directory(int parent, const char* name, mode_t mode = 0700);
// The names in a directory, sorted.
Result<std::vector<std::string>> list_directory(int directory);
// True for extended attributes that belong to an image: the user's and capabilities.
bool keeps_xattr(std::string_view name);

bool is_whiteout(const struct stat& info);
inline constexpr const char* kOpaque = "trusted.overlay.opaque";

}  // namespace rcrt::oci
