// SPDX-License-Identifier: MIT
// What the listing verbs share: tables, times and sizes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rcrt::cli {

// Columns aligned, two or more spaces between them; the first row is the header.
std::string table(const std::vector<std::vector<std::string>>& rows);

// Characters of UTF-8 text, each of which is taken for one column.
size_t width_of(std::string_view text);
// At most so many of them; what is cut off ends in "…".
std::string shortened(const std::string& text, size_t width);

// "3 minutes ago" without "ago".
std::string age(int64_t nanoseconds_since_epoch);
// "3 minutes ago"; "N/A" when there is no date.
std::string since(int64_t nanoseconds_since_epoch);
// RFC 3339 with nanoseconds, UTC, as docker prints times.
std::string timestamp(int64_t nanoseconds_since_epoch);
// "4.26MB", decimal as docker does.
std::string human_size(uint64_t bytes);

}  // namespace rcrt::cli
