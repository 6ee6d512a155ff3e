// SPDX-License-Identifier: MIT
// Reading a configuration with errors that name the member: "invalid process.args[1]".
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/json.h"

namespace rcrt::plan_json {

// Thrown inside the builder only; build_plan() turns it into its Result.
struct Bad {
  Error error;
};

[[noreturn]] inline void bad(std::string_view path, std::string_view value, std::string_view allowed) {
  std::string shown(value.substr(0, 200));
  throw Bad{Error{
      "invalid configuration: " + std::string(path), std::move(shown), 0, std::string(allowed), {}, 125}};
}

class Node {
 public:
  Node(const Json* value, std::string path) : value_(value), path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  // Absent and null are the same.
  bool present() const { return value_ != nullptr && !value_->is_null(); }
  const Json& json() const { return *value_; }

  Node operator[](const char* key) const {
    std::string below = path_.empty() ? key : path_ + "." + key;
    if (!present()) return {nullptr, std::move(below)};
    if (!value_->is_object()) wrong("an object");
    auto found = value_->find(key);
    return {found == value_->end() ? nullptr : &*found, std::move(below)};
  }

  std::vector<Node> items() const {
    std::vector<Node> result;
    if (!present()) return result;
    if (!value_->is_array()) wrong("an array");
    for (size_t i = 0; i < value_->size(); ++i)
      result.emplace_back(&(*value_)[i], path_ + "[" + std::to_string(i) + "]");
    return result;
  }

  std::vector<std::pair<std::string, Node>> members() const {
    std::vector<std::pair<std::string, Node>> result;
    if (!present()) return result;
    if (!value_->is_object()) wrong("an object");
    for (auto& [key, value] : value_->items()) result.emplace_back(key, Node(&value, path_ + "." + key));
    return result;
  }

  // Text without NUL bytes: the kernel would see less than we checked.
  std::string text() const {
    if (!present()) bad(path_, "", "it is required");
    if (!value_->is_string()) wrong("a string");
    auto& text = value_->get_ref<const std::string&>();
    if (text.find('\0') != std::string::npos) bad(path_, text, "it holds a NUL byte");
    return text;
  }
  std::string text_or(std::string_view fallback) const { return present() ? text() : std::string(fallback); }

  bool flag() const {
    if (!present()) return false;
    if (!value_->is_boolean()) wrong("true or false");
    return value_->get<bool>();
  }

  int64_t integer(int64_t least, int64_t most) const {
    if (!present()) bad(path_, "", "it is required");
    std::string range = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    if (!value_->is_number_integer()) wrong(range);
    if (value_->is_number_unsigned() &&
        value_->get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      wrong(range);
    auto number = value_->get<int64_t>();
    if (number < least || number > most) wrong(range);
    return number;
  }
  uint32_t id() const { return static_cast<uint32_t>(integer(0, 4294967294)); }

  uint64_t natural() const {
    if (!present()) bad(path_, "", "it is required");
    if (!value_->is_number_integer() || (!value_->is_number_unsigned() && value_->get<int64_t>() < 0))
      wrong("a whole number, 0 or more");
    return value_->get<uint64_t>();
  }

  std::vector<std::string> texts() const {
    std::vector<std::string> result;
    for (auto& item : items()) result.push_back(item.text());
    return result;
  }

  [[noreturn]] void wrong(std::string_view allowed) const {
    bad(path_, value_ == nullptr ? "" : value_->dump(-1, ' ', false, Json::error_handler_t::replace),
        "it must be " + std::string(allowed));
  }

 private:
  const Json* value_;
  std::string path_;
};

}  // namespace rcrt::plan_json
