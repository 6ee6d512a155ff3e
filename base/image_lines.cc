// SPDX-License-Identifier: MIT
#include "base/image_lines.h"

namespace rcrt {
namespace {

std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ec == std::errc()) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string escape_field(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != '%' && c != 0x7f) {
      out += c;
    } else {
      out += '%';
      out += kDigits[(c >> 4) & 15];
      out += kDigits[c & 15];
    }
  }
  return out;
}

std::string own_fields(const Descriptor& descriptor) {
  return descriptor.digest + "\t" + std::to_string(descriptor.size) + "\t" +
         escape_field(descriptor.media_type) + "\t" + escape_field(descriptor.name);
}

std::string line_of(const ImageEntry& entry) {
  std::string line = escape_field(entry.key) + "\t" + own_fields(entry.descriptor);
  for (const std::string& field :
       {entry.id, entry.digest, std::to_string(entry.created), std::to_string(entry.size)})
    line += "\t" + field;
  return line + "\n";
}

std::optional<std::array<std::string_view, kFields>> split_line(std::string_view line) {
  std::array<std::string_view, kFields> fields;
  for (size_t i = 0, at = 0; i < kFields; ++i) {
    const size_t tab = line.find('\t', at);
    if (tab == line.npos && i + 1 < kFields) return {};
    fields[i] = line.substr(at, tab == line.npos ? tab : tab - at);
    at = tab + 1;
  }
  if (!is_sha256_digest(fields[kDigestField])) return {};
  return fields;
}

std::optional<ImageEntry> entry_of(std::string_view line) {
  const auto split = split_line(line);
  if (!split) return {};
  const auto& fields = *split;
  ImageEntry entry;
  entry.key = unescape(fields[0]);
  entry.descriptor.digest = fields[1];
  entry.descriptor.size = number_of<uint64_t>(fields[2]);
  entry.descriptor.media_type = unescape(fields[3]);
  entry.descriptor.name = unescape(fields[4]);
  entry.id = fields[5];
  entry.digest = fields[6];
  entry.created = number_of<int64_t>(fields[7]);
  entry.size = number_of<uint64_t>(fields[8]);
  return entry;
}

}  // namespace rcrt
