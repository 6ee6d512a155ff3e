// SPDX-License-Identifier: MIT
// A line of images/.names:
//   <key>\t<digest>\t<size>\t<media type>\t<name>\t<id>\t<machine digest>\t<created>\t<bytes>\n
// Control characters and "%" are written as %XX.
#pragma once

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "base/image_names.h"

namespace rcrt {

std::string escape_field(std::string_view text);

template <typename Number>
Number number_of(std::string_view text) {
  Number value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The fields that are index.json's own.
std::string own_fields(const Descriptor& descriptor);
std::string line_of(const ImageEntry& entry);

inline constexpr size_t kFields = 9, kDigestField = 1, kNameField = 4, kIdField = 5;
// Nothing when it is no such line; without its line break.
std::optional<std::array<std::string_view, kFields>> split_line(std::string_view line);
std::optional<ImageEntry> entry_of(std::string_view line);

}  // namespace rcrt
