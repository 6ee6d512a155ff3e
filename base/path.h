// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace rcrt {

// A path without "", "." and ".." parts and without slashes at its ends, as if there were no symbolic
// links: "/a//b/../c/" -> "a/c".
std::string clean_path(const std::string& path);

// A path as /proc's mountinfo has it, where spaces, tabs, line breaks and backslashes are octal: "\040".
std::string unescape_mount_path(std::string_view text);

}  // namespace rcrt
