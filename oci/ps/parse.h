// SPDX-License-Identifier: MIT
// What people type.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>

namespace rcrt::oci::ps {

// Decimal digits and nothing else, of a number that fits.
template <std::unsigned_integral Number>
std::optional<Number> whole_number(std::string_view text) {
  Number value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || at != end) return {};
  return value;
}

// Whether `name` is one of `names`, which have a blank between.
inline bool is_one_of(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const std::string_view one = names.substr(0, names.find(' '));
    if (one == name) return true;
    names.remove_prefix(std::min(names.size(), one.size() + 1));
  }
  return false;
}

}  // namespace rcrt::oci::ps
