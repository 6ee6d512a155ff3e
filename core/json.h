// SPDX-License-Identifier: MIT
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

namespace rcrt {

using Json = nlohmann::json;

// What json.dump() gives, and throws where a string is not UTF-8, in a fifth of the time: the
// documents of one run are written several times, to plugins, to the journal and to records.
std::string json_text(const Json& json);

// An object of these members, as Json{{"name", value}, ...}, which makes an array of two for each first.
struct JsonMember {
  const char* name;
  mutable Json value;  // moved from: the elements of a list are constant
};
Json json_object(std::initializer_list<JsonMember> members);

}  // namespace rcrt
