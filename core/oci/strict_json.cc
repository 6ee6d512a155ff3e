// SPDX-License-Identifier: MIT
#include "core/oci/strict_json.h"

#include <algorithm>
#include <set>
#include <vector>

namespace rcrt::oci {
namespace {

using Base = nlohmann::detail::json_sax_dom_parser<Json>;

// Builds the document as nlohmann's own reader does, and keeps track of where it is.
class Reader {
 public:
  explicit Reader(Json& root) : base_(root, false) {}

  std::string problem;  // what is wrong, if it is not the syntax
  size_t byte = 0;      // where the syntax is wrong

  std::string path() const {
    std::string text;
    for (const Level& level : levels_) {
      if (level.array)
        text += "[" + std::to_string(level.index) + "]";
      else if (!level.key.empty())
        text += (text.empty() ? "" : ".") + level.key;
    }
    return text;
  }

  bool null() { return value(base_.null()); }
  bool boolean(bool v) { return value(base_.boolean(v)); }
  bool number_integer(Json::number_integer_t v) { return value(base_.number_integer(v)); }
  bool number_unsigned(Json::number_unsigned_t v) { return value(base_.number_unsigned(v)); }
  bool number_float(Json::number_float_t v, const std::string& text) {
    return value(base_.number_float(v, text));
  }
  bool string(std::string& v) { return value(base_.string(v)); }
  bool binary(Json::binary_t& v) { return value(base_.binary(v)); }
  bool start_object(size_t size) { return open(false) && base_.start_object(size); }
  bool start_array(size_t size) { return open(true) && base_.start_array(size); }
  bool end_object() {
    levels_.pop_back();
    return value(base_.end_object());
  }
  bool end_array() {
    levels_.pop_back();
    return value(base_.end_array());
  }
  bool key(std::string& name) {
    Level& level = levels_.back();
    level.key = name.substr(0, 200);
    std::ranges::replace_if(level.key, [](unsigned char c) { return c < 0x20; }, '?');
    if (!level.keys.insert(name).second) {
      problem = "it is given twice";
      return false;
    }
    return base_.key(name);
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) {
    byte = position;
    return false;
  }

 private:
  struct Level {
    bool array = false;
    size_t index = 0;
    std::string key;
    std::set<std::string> keys;
  };

  bool open(bool array) {
    if (levels_.size() >= kMaxJsonDepth) {
      problem = "it is nested more than " + std::to_string(kMaxJsonDepth) + " levels deep";
      return false;
    }
    levels_.push_back({.array = array, .index = 0, .key = {}, .keys = {}});
    return true;
  }
  bool value(bool result) {
    if (!levels_.empty() && levels_.back().array) ++levels_.back().index;
    return result;
  }

  Base base_;
  std::vector<Level> levels_;
};

}  // namespace

Result<Json> parse_strict(std::string_view text, const std::string& name) {
  if (text.size() > kMaxJson) return error("the file is larger than 16 MiB", name, {}, EFBIG);
  // The library would pass over the one, and read to the other.
  if (text.starts_with("\xef\xbb\xbf"))
    return error("invalid JSON", name, "it begins with a byte order mark; write it without");
  if (size_t nul = text.find('\0'); nul != text.npos)
    return error("invalid JSON", name, "it holds a NUL: see byte " + std::to_string(nul + 1));
  Json json;
  Reader reader(json);
  bool good = false;
  try {
    good = Json::sax_parse(text.begin(), text.end(), &reader);
  } catch (const Json::exception& failure) {  // a number no type holds
    reader.problem = failure.what();
  }
  if (good && !json.is_object()) return error("not a JSON object", name);
  if (good) return json;
  std::string path = reader.path();
  if (!reader.problem.empty()) return error("invalid configuration: " + path, name, reader.problem);
  return error("invalid JSON" + (path.empty() ? "" : " at " + path), name,
               "see byte " + std::to_string(reader.byte));
}

}  // namespace rcrt::oci
