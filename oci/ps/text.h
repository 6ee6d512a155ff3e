// SPDX-License-Identifier: MIT
// Text of others on a terminal: nothing that could steer it, and never wider than its column.
#pragma once

#include <string>
#include <string_view>

namespace rcrt::oci::ps {

// Control characters are replaced, and, unless the locale's encoding is UTF-8, all that is not ASCII.
std::string printable(std::string_view text);

// Of what printable() gave: a character takes one cell.
size_t cells_of(std::string_view text);
std::string first_cells(const std::string& text, size_t cells);

}  // namespace rcrt::oci::ps
