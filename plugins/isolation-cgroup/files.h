// SPDX-License-Identifier: MIT
// Reading and writing the small files of a cgroup, relative to a directory fd.
#pragma once

#include <rcrt/plugin.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt::cgroup {

using sdk::Expected;
using sdk::Status;

Expected<std::string> read_file(int dir, const char* name);
// One write(2): the kernel takes one setting a write.
Status write_file(int dir, const char* name, std::string_view value);
bool exists(int dir, const char* name);

std::vector<std::string> words(std::string_view text);
std::set<std::string> word_set(std::string_view text);
// The value of `key` in a flat keyed file ("populated 0\nfrozen 1\n"), or -1.
long long flat_value(std::string_view text, std::string_view key);

// The names of the child groups of a directory.
Expected<std::vector<std::string>> children(int dir);

Expected<UniqueFd> open_directory(int dir, const char* name);

}  // namespace rcrt::cgroup
