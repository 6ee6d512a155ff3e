// SPDX-License-Identifier: MIT
// Text taken apart without std::istringstream, which brings all locales into a program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rcrt {

// What stands between any of the separators, where that is not empty: " a  b\n" at " \n" is "a", "b".
std::vector<std::string> words_of(std::string_view text, std::string_view separators);

}  // namespace rcrt
