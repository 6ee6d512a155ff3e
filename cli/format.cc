// SPDX-License-Identifier: MIT
#include "cli/format.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/process.h"

namespace rcrt::cli {
namespace {

std::string as_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "<no value>";
  return value.dump();
}

std::string trim(const std::string& text) {
  auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

Result<Json> field(const std::string& path, const Json& data, const std::string& whole) {
  if (path.empty() || path[0] != '.' || path.find_first_of(" |()\"") != std::string::npos)
    return error("template not understood", whole, "known: {{.Field.Field}} and {{json .Field}}", EINVAL);
  const Json* at = &data;
  for (size_t start = 1; start < path.size();) {
    size_t end = path.find('.', start);
    std::string name = path.substr(start, end == std::string::npos ? end : end - start);
    if (!at->is_object() || !at->contains(name))
      return error("no such field", path, "see it all without --format", EINVAL);
    at = &(*at)[name];
    start = end == std::string::npos ? path.size() : end + 1;
  }
  return *at;
}

}  // namespace

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - row[i].size() + 3, ' ');
    }
    text += '\n';
  }
  return text;
}

Result<std::string> apply_template(const std::string& text, const Json& data) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (text.compare(at, 2, "{{") == 0) {
      auto end = text.find("}}", at);
      if (end == std::string::npos) return error("template does not end", text, "close {{ with }}", EINVAL);
      std::string inner = trim(text.substr(at + 2, end - at - 2));
      bool json = inner.starts_with("json ");
      RCRT_ASSIGN(Json value, field(json ? trim(inner.substr(5)) : inner, data, text));
      out += json ? value.dump() : as_text(value);
      at = end + 2;
    } else if (text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == 't' || text[at + 1] == 'n')) {
      out += text[at + 1] == 't' ? '\t' : '\n';
      at += 2;
    } else {
      out += text[at++];
    }
  }
  return out;
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
