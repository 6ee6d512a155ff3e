// SPDX-License-Identifier: MIT
#include "oci/ps/text.h"

#include <algorithm>
#include <cstdlib>

namespace rcrt::oci::ps {
namespace {

bool speaks_utf8() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const char* value = getenv(variable); value != nullptr && *value != '\0') {
      const std::string_view locale = value;
      return locale.ends_with("UTF-8") || locale.ends_with("utf8");
    }
  return false;
}

bool continues(unsigned char byte) { return (byte & 0xc0) == 0x80; }

// Bytes of the character of UTF-8 at the beginning; 0 when it is malformed or controls a terminal (U+0080 to
// 9f).
size_t character_size(std::string_view text) {
  const auto byte = [text](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(0);
  const size_t size = first >= 0xc2 && first <= 0xdf   ? 2
                      : first >= 0xe0 && first <= 0xef ? 3
                      : first >= 0xf0 && first <= 0xf4 ? 4
                                                       : 0;
  for (size_t i = 1; i < size; ++i)
    if (!continues(static_cast<unsigned char>(byte(i)))) return 0;
  return first == 0xc2 && byte(1) < 0xa0 ? 0 : size;
}

}  // namespace

std::string printable(std::string_view text) {
  const bool utf8 = speaks_utf8();
  std::string shown;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const size_t size = byte >= 0x80 && utf8 ? character_size(text.substr(i)) : 0;
    if (size > 0)
      shown += text.substr(i, size);
    else if (byte < 0x20 || byte == 0x7f)
      shown += utf8 ? '?' : '.';
    else
      shown += byte < 0x80 ? text[i] : '?';
    i += std::max<size_t>(size, 1);
  }
  return shown;
}

size_t cells_of(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return !continues(static_cast<unsigned char>(c)); }));
}

std::string first_cells(const std::string& text, size_t cells) {
  size_t end = 0;
  for (; end < text.size(); ++end)
    if (!continues(static_cast<unsigned char>(text[end])) && cells-- == 0) break;
  return text.substr(0, end);
}

}  // namespace rcrt::oci::ps
