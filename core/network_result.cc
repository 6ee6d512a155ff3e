// SPDX-License-Identifier: MIT
#include "core/network_result.h"

#include <algorithm>
#include <vector>

namespace rcrt {
namespace {

bool objects_with(const Json& result, const char* list, const std::vector<const char*>& texts) {
  auto it = result.find(list);
  if (it == result.end()) return true;
  return it->is_array() && std::ranges::all_of(*it, [&](const Json& item) {
           return item.is_object() && std::ranges::all_of(texts, [&](const char* text) {
                    return !item.contains(text) || item[text].is_string();
                  });
         });
}

}  // namespace

const char* malformed_member(const Json& result) {
  if (!objects_with(result, "interfaces", {"name"})) return "interfaces";
  if (!objects_with(result, "addresses", {"address", "gateway", "interface"})) return "addresses";
  if (!objects_with(result, "routes", {})) return "routes";
  if (!objects_with(result, "ports", {"host_ip", "protocol"})) return "ports";
  const Json dns = result.value("dns", Json::object());
  if (dns.is_null()) return nullptr;
  if (!dns.is_object()) return "dns";
  for (const char* list : {"servers", "search", "options"})
    if (const Json words = dns.value(list, Json::array());
        !words.is_array() || !std::ranges::all_of(words, [](const Json& word) { return word.is_string(); }))
      return "dns";
  return nullptr;
}

}  // namespace rcrt
