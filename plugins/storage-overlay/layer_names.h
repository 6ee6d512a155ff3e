// SPDX-License-Identifier: MIT
// overlayfs takes its layers as one option string of at most a page. Names relative to
// the working directory keep it short: "l/ab12cd3" does for 300 layers; for more,
// symbolic links of two characters reach the kernel's 500.
#pragma once

#include <string>
#include <vector>

namespace rcrt::overlay {

// The kernel's limit (OVL_MAX_STACK).
constexpr size_t kMaxLayers = 500;

// "a:b:c", or "" if the names would not fit or hold a character that means something there.
std::string join_names(const std::vector<std::string>& names);

// The n-th short name: "0", "1", ... "z", "10", ...
std::string short_name(size_t n);

}  // namespace rcrt::overlay
