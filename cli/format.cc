// SPDX-License-Identifier: MIT
#include "cli/format.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/process.h"

namespace rcrt::cli {

size_t width_of(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string shortened(const std::string& text, size_t width) {
  if (width_of(text) <= width) return text;
  size_t end = text.size();
  while (width_of(std::string_view(text).substr(0, end)) >= width) --end;
  return text.substr(0, end) + "…";
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - width_of(row[i]) + 3, ' ');
    }
    text += '\n';
  }
  return text;
}

std::string age(int64_t then) {
  int64_t seconds = std::max<int64_t>(0, (now_ns() - then) / 1'000'000'000);
  struct Unit {
    int64_t seconds;
    const char* name;
  };
  static constexpr std::array<Unit, 6> units = {{{31536000, "year"},
                                                 {2592000, "month"},
                                                 {604800, "week"},
                                                 {86400, "day"},
                                                 {3600, "hour"},
                                                 {60, "minute"}}};
  for (const auto& unit : units) {
    int64_t count = seconds / unit.seconds;
    if (count >= 1) return std::to_string(count) + " " + unit.name + (count == 1 ? "" : "s");
  }
  return std::to_string(seconds) + (seconds == 1 ? " second" : " seconds");
}

std::string since(int64_t then) { return then <= 0 ? "N/A" : age(then) + " ago"; }

std::string timestamp(int64_t nanoseconds) {
  if (nanoseconds <= 0) return "0001-01-01T00:00:00Z";
  time_t seconds = nanoseconds / 1'000'000'000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(text + length, sizeof text - length, ".%09dZ", static_cast<int>(nanoseconds % 1'000'000'000));
  return text;
}

std::string human_size(uint64_t bytes) {
  static constexpr std::array units = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  snprintf(text, sizeof text, "%.3g%s", value, units[unit]);
  return text;
}

}  // namespace rcrt::cli
