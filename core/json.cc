// SPDX-License-Identifier: MIT
#include "core/json.h"

#include <charconv>
#include <utility>

namespace rcrt {
namespace {

// Most strings are: names, paths, numbers as text.
bool needs_no_escape(const std::string& text) {
  for (char c : text)
    if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') return false;
  return true;
}

void append(std::string& out, const std::string& text) {
  if (!needs_no_escape(text)) {
    out += Json(text).dump();
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

template <typename Number>
void append_number(std::string& out, Number number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append(std::string& out, const Json& json) {
  switch (json.type()) {
    case Json::value_t::object: {
      char before = '{';
      for (const auto& [name, value] : json.get_ref<const Json::object_t&>()) {
        out += before;
        append(out, name);
        out += ':';
        append(out, value);
        before = ',';
      }
      out += json.empty() ? "{}" : "}";
      return;
    }
    case Json::value_t::array: {
      char before = '[';
      for (const Json& value : json.get_ref<const Json::array_t&>()) {
        out += before;
        append(out, value);
        before = ',';
      }
      out += json.empty() ? "[]" : "]";
      return;
    }
    case Json::value_t::string:
      return append(out, json.get_ref<const std::string&>());
    case Json::value_t::boolean:
      out += json.get<bool>() ? "true" : "false";
      return;
    case Json::value_t::number_integer:
      return append_number(out, json.get<int64_t>());
    case Json::value_t::number_unsigned:
      return append_number(out, json.get<uint64_t>());
    default:
      out += json.dump();
  }
}

}  // namespace

std::string json_text(const Json& json) {
  std::string text;
  if (json.is_structured()) text.reserve(1024);
  append(text, json);
  return text;
}

Json json_object(std::initializer_list<JsonMember> members) {
  Json json = Json::object();
  auto& object = json.get_ref<Json::object_t&>();
  for (const JsonMember& member : members) object.emplace(member.name, std::move(member.value));
  return json;
}

}  // namespace rcrt
