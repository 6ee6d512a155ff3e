// SPDX-License-Identifier: MIT
#include "cli/image_filter.h"

#include <fnmatch.h>

#include "base/oci_layout.h"
#include "cli/format.h"
#include "core/process.h"

namespace rcrt::cli {
namespace {

using Filter = std::function<bool(const ImageEntry&)>;

// "10m", "2h30m", "24h": seconds.
Result<int64_t> parse_duration(const std::string& text) {
  int64_t seconds = 0, number = -1;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      number = (number < 0 ? 0 : number) * 10 + (c - '0');
      if (number > 1'000'000'000) break;
      continue;
    }
    const int64_t unit = c == 's' ? 1 : c == 'm' ? 60 : c == 'h' ? 3600 : c == 'd' ? 86400 : 0;
    if (number < 0 || unit == 0) return error("not a duration", text, "for example 24h or 10m", EINVAL);
    seconds += number * unit;
    number = -1;
  }
  if (number >= 0 || text.empty()) return error("not a duration", text, "for example 24h or 10m", EINVAL);
  return seconds;
}

bool matches_reference(const std::string& pattern, const ImageEntry& entry) {
  if (entry.key.empty()) return false;
  for (const std::string& name : {entry.key, familiar_name(entry.key)}) {
    const std::string repository = name.substr(0, name.find('@'));
    const size_t slash = repository.rfind('/');
    const size_t colon = repository.find(':', slash == std::string::npos ? 0 : slash);
    if (matches_pattern(pattern, name) || matches_pattern(pattern, repository.substr(0, colon))) return true;
  }
  return false;
}

bool has_label(const Engine& engine, const ImageEntry& entry, const std::string& key,
               const std::string* value) {
  auto configuration = engine.images().configuration(entry);
  if (!configuration) return false;
  const Json config = configuration->value("config", Json::object());
  if (!config.is_object()) return false;
  const Json labels = config.value("Labels", Json());
  if (!labels.is_object() || !labels.contains(key)) return false;
  return value == nullptr || labels[key] == *value;
}

Result<Filter> one_filter(Engine& engine, const std::string& word) {
  const size_t equals = word.find('=');
  const std::string key = word.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
  if (equals == std::string::npos || value.empty())
    return error("invalid filter", word, std::string("known: ") + kImageFilters, EINVAL);
  if (key == "dangling") {
    if (value != "true" && value != "false" && value != "1" && value != "0")
      return error("invalid filter", word, "dangling is true or false", EINVAL);
    const bool wanted = value == "true" || value == "1";
    return [wanted](const ImageEntry& entry) { return entry.key.empty() == wanted; };
  }
  if (key == "reference") return [value](const ImageEntry& entry) { return matches_reference(value, entry); };
  if (key == "before" || key == "since") {
    RCRT_ASSIGN(const ImageEntry other, engine.images().find(value));
    const bool before = key == "before";
    return [other, before](const ImageEntry& entry) {
      if (entry.id == other.id) return false;
      return before ? entry.created < other.created : entry.created > other.created;
    };
  }
  if (key == "until") {
    int64_t limit = parse_time(value);
    if (limit == 0) {
      RCRT_ASSIGN(const int64_t ago, parse_duration(value));
      limit = now_ns() / 1'000'000'000 - ago;
    }
    return [limit](const ImageEntry& entry) { return entry.created < limit; };
  }
  if (key == "label") {
    const size_t second = value.find('=');
    const std::string name = value.substr(0, second);
    const std::string text = second == std::string::npos ? "" : value.substr(second + 1);
    const bool with_value = second != std::string::npos;
    return [&engine, name, text, with_value](const ImageEntry& entry) {
      return has_label(engine, entry, name, with_value ? &text : nullptr);
    };
  }
  return error("invalid filter", word, std::string("known: ") + kImageFilters, EINVAL);
}

}  // namespace

std::string familiar_name(const std::string& name) {
  for (const char* prefix : {"docker.io/library/", "docker.io/"})
    if (name.starts_with(prefix)) return name.substr(std::string_view(prefix).size());
  return name;
}

bool is_pattern(const std::string& text) { return text.find_first_of("*?[\\") != std::string::npos; }

bool matches_pattern(const std::string& pattern, const std::string& text) {
  return fnmatch(pattern.c_str(), text.c_str(), FNM_PATHNAME) == 0;
}

Result<Filter> image_filter(Engine& engine, const std::vector<std::string>& words) {
  std::vector<Filter> filters;
  for (const std::string& word : words) {
    RCRT_ASSIGN(Filter filter, one_filter(engine, word));
    filters.push_back(std::move(filter));
  }
  return [filters](const ImageEntry& entry) {
    for (const Filter& filter : filters)
      if (!filter(entry)) return false;
    return true;
  };
}

}  // namespace rcrt::cli
