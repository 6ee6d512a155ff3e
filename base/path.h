// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace rcrt {

// A path without "", "." and ".." parts and without slashes at its ends, as if there were no symbolic
// links: "/a//b/../c/" -> "a/c".
std::string clean_path(const std::string& path);

}  // namespace rcrt
