// SPDX-License-Identifier: MIT
#include "core/environment.h"

#include <algorithm>

namespace rcrt {

void set_variable(Json& env, const std::string& variable) {
  if (!env.is_array()) env = Json::array();
  auto& list = env.get_ref<Json::array_t&>();
  const std::string name = variable.substr(0, variable.find('=')) + "=";
  auto same = [&](const Json& old) {
    return old.is_string() && old.get_ref<const std::string&>().starts_with(name);
  };
  auto first = std::ranges::find_if(list, same);
  if (first == list.end()) {
    list.push_back(variable);
    return;
  }
  *first = variable;
  list.erase(std::remove_if(first + 1, list.end(), same), list.end());
}

}  // namespace rcrt
