// SPDX-License-Identifier: MIT
#include "layer_names.h"

namespace rcrt::overlay {

std::string join_names(const std::vector<std::string>& names) {
  // Leaves room for the other options.
  constexpr size_t kRoom = 3800;
  std::string joined;
  for (const std::string& name : names) {
    if (name.find_first_of(":,\\\"'") != name.npos) return {};
    if (!joined.empty()) joined += ':';
    joined += name;
    if (joined.size() > kRoom) return {};
  }
  return joined;
}

std::string short_name(size_t n) {
  std::string name;
  do {
    name.insert(name.begin(), "0123456789abcdefghijklmnopqrstuvwxyz"[n % 36]);
    n /= 36;
  } while (n != 0);
  return name;
}

}  // namespace rcrt::overlay
