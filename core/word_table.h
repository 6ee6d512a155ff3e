// SPDX-License-Identifier: MIT
// Tables from words to values that are there when the program starts: nothing has to be built.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

namespace rcrt {

template <typename Value>
using Word = std::pair<std::string_view, Value>;

// The word's value, or null. Looks at one after the other: tables are short.
template <typename Value, size_t kSize>
constexpr const Value* value_of(const Word<Value> (&table)[kSize], std::string_view word) {
  for (const auto& [name, value] : table)
    if (name == word) return &value;
  return nullptr;
}

}  // namespace rcrt
