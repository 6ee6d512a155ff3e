// SPDX-License-Identifier: MIT
// Reading a configuration with errors that name the member: "invalid process.args[1]".
#pragma once

#include <array>
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

// A value and how it is reached. The way is kept as steps: its text is needed for errors only.
class Node {
 public:
  explicit Node(const Json* value) : value_(value) {}

  std::string path() const {
    std::string text;
    for (size_t i = 0; i < depth_; ++i) {
      if (way_[i].key == nullptr)
        text += "[" + std::to_string(way_[i].index) + "]";
      else
        text += (i == 0 ? "" : ".") + std::string(way_[i].key);
    }
    return text;
  }
  // Absent and null are the same.
  bool present() const { return value_ != nullptr && !value_->is_null(); }
  const Json& json() const { return *value_; }

  // `key` is not copied.
  Node operator[](const char* key) const {
    if (!present()) return below(nullptr, {key, 0});
    if (!value_->is_object()) wrong("an object");
    auto found = value_->find(key);
    return below(found == value_->end() ? nullptr : &*found, {key, 0});
  }

  std::vector<Node> items() const {
    std::vector<Node> result;
    if (!present()) return result;
    if (!value_->is_array()) wrong("an array");
    result.reserve(value_->size());
    for (size_t i = 0; i < value_->size(); ++i) result.push_back(below(&(*value_)[i], {nullptr, i}));
    return result;
  }

  std::vector<std::pair<std::string, Node>> members() const {
    std::vector<std::pair<std::string, Node>> result;
    if (!present()) return result;
    if (!value_->is_object()) wrong("an object");
    for (const auto& [key, value] : value_->get_ref<const Json::object_t&>())
      result.emplace_back(key, below(&value, {key.c_str(), 0}));
    return result;
  }

  // Text without NUL bytes: the kernel would see less than we checked.
  std::string text() const {
    if (!present()) bad(path(), "", "it is required");
    if (!value_->is_string()) wrong("a string");
    auto& text = value_->get_ref<const std::string&>();
    if (text.find('\0') != std::string::npos) bad(path(), text, "it holds a NUL byte");
    return text;
  }
  std::string text_or(std::string_view fallback) const { return present() ? text() : std::string(fallback); }

  bool flag() const {
    if (!present()) return false;
    if (!value_->is_boolean()) wrong("true or false");
    return value_->get<bool>();
  }

  int64_t integer(int64_t least, int64_t most) const {
    if (!present()) bad(path(), "", "it is required");
    const bool fits = value_->is_number_integer() &&
                      !(value_->is_number_unsigned() &&
                        value_->get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
    const int64_t number = fits ? value_->get<int64_t>() : 0;
    if (!fits || number < least || number > most)
      wrong("a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return number;
  }
  uint32_t id() const { return static_cast<uint32_t>(integer(0, 4294967294)); }

  uint64_t natural() const {
    if (!present()) bad(path(), "", "it is required");
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
    bad(path(), value_ == nullptr ? "" : value_->dump(-1, ' ', false, Json::error_handler_t::replace),
        "it must be " + std::string(allowed));
  }

 private:
  struct Step {
    const char* key;  // null: an array's index
    size_t index;
  };
  static constexpr size_t kDeepest = 8;  // of what the specification has

  Node below(const Json* value, Step step) const {
    Node node = *this;
    node.value_ = value;
    if (depth_ < kDeepest) node.way_[node.depth_++] = step;
    return node;
  }

  const Json* value_;
  size_t depth_ = 0;
  std::array<Step, kDeepest> way_;
};

}  // namespace rcrt::plan_json
