// SPDX-License-Identifier: MIT
#include "cli/template_functions.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/template_tokens.h"
#include "core/run_options.h"

namespace rcrt::cli {
namespace {

using Arguments = std::vector<Json>;

std::string joined(const Arguments& arguments, const char* separator) {
  std::string text;
  for (const auto& argument : arguments) text += (text.empty() ? "" : separator) + template_text(argument);
  return text;
}

// Bytes that are no UTF-8 are shown as such.
std::string as_json(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

// An element that is missing is nothing, as of Go's maps of text.
Result<Json> element(const Arguments& arguments) {
  Json at = arguments[0];
  for (size_t i = 1; i < arguments.size(); ++i) {
    const Json& key = arguments[i];
    Json next = "";
    if (at.is_object() && key.is_string()) {
      if (auto it = at.find(key.get<std::string>()); it != at.end()) next = *it;
    } else if (at.is_array() && key.is_number_integer() && key.get<size_t>() < at.size()) {
      next = at[key.get<size_t>()];
    } else {
      return error("template has no such element", template_text(key), "see it all without --format", EINVAL);
    }
    at = std::move(next);
  }
  return at;
}

Json changed(const Json& value, int (*change)(int)) {
  std::string text = template_text(value);
  std::ranges::transform(text, text.begin(), [&](unsigned char c) { return static_cast<char>(change(c)); });
  return text;
}

Json title(const Json& value) {
  std::string text = template_text(value);
  for (size_t i = 0; i < text.size(); ++i)
    if (i == 0 || text[i - 1] == ' ')
      text[i] = static_cast<char>(toupper(static_cast<unsigned char>(text[i])));
  return text;
}

// Width and precision of a printf verb, "-12.3": of three digits at the most.
bool is_modest(const std::string& text) {
  size_t digits = 0;
  for (char c : text) {
    digits = isdigit(static_cast<unsigned char>(c)) != 0 ? digits + 1 : 0;
    if (digits > 3) return false;
  }
  return true;
}

// "%s", "%v", "%d", "%q", with width and precision.
Result<Json> formatted(const Arguments& arguments) {
  std::string format = template_text(arguments[0]), out;
  size_t next = 1;
  for (size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out += format[at];
      continue;
    }
    size_t end = format.find_first_not_of("-0123456789.", at + 1);
    char verb = end == std::string::npos ? '\0' : format[end];
    std::string pattern = format.substr(at, end - at) + "s";
    if (verb == '%') {
      out += '%';
    } else if (verb == '\0' || std::string("svdq").find(verb) == std::string::npos ||
               next == arguments.size() || !is_modest(pattern)) {
      return error("printf not understood in template", format, "known: %s %v %d %q, a value for each",
                   EINVAL);
    } else {
      const Json& value = arguments[next++];
      std::string text = verb == 'q' ? as_json(template_text(value)) : template_text(value);
      int size = snprintf(nullptr, 0, pattern.c_str(), text.c_str());
      std::string shown(static_cast<size_t>(size), '\0');
      snprintf(shown.data(), shown.size() + 1, pattern.c_str(), text.c_str());
      out += shown;
    }
    at = end;
  }
  return out;
}

Result<Json> compared(const std::string& name, const Arguments& arguments) {
  const Json &a = arguments[0], &b = arguments[1];
  if (name == "eq")
    return std::any_of(arguments.begin() + 1, arguments.end(), [&](const Json& x) { return x == a; });
  if (name == "ne") return a != b;
  return name == "lt" ? a < b : name == "le" ? a <= b : name == "gt" ? a > b : a >= b;
}

Result<Json> truncated(const Arguments& arguments) {
  if (!arguments[1].is_number_integer())
    return error("template truncates to no number", template_text(arguments[1]), {}, EINVAL);
  return template_text(arguments[0]).substr(0, arguments[1].get<size_t>());
}

struct Function {
  const char* name;
  size_t least;  // arguments
  Result<Json> (*call)(const std::string& name, const Arguments& arguments);
};

constexpr std::array kFunctions = {
    Function{"json", 1, [](auto&, auto& a) -> Result<Json> { return as_json(a[0]); }},
    Function{"len", 1,
             [](auto&, auto& a) -> Result<Json> {
               return a[0].is_string() ? a[0].template get<std::string>().size() : a[0].size();
             }},
    Function{"index", 2, [](auto&, auto& a) { return element(a); }},
    Function{"join", 2,
             [](auto&, auto& a) -> Result<Json> {
               if (!a[0].is_array())
                 return error("template joins what is no list", template_text(a[0]), {}, EINVAL);
               return joined(a[0].template get<Arguments>(), template_text(a[1]).c_str());
             }},
    Function{"split", 2,
             [](auto&, auto& a) -> Result<Json> {
               return split_words(template_text(a[0]), (template_text(a[1]) + " ")[0]);
             }},
    Function{"lower", 1, [](auto&, auto& a) -> Result<Json> { return changed(a[0], tolower); }},
    Function{"upper", 1, [](auto&, auto& a) -> Result<Json> { return changed(a[0], toupper); }},
    Function{"title", 1, [](auto&, auto& a) -> Result<Json> { return title(a[0]); }},
    Function{"truncate", 2, [](auto&, auto& a) { return truncated(a); }},
    Function{"print", 1, [](auto&, auto& a) -> Result<Json> { return joined(a, ""); }},
    Function{"println", 0, [](auto&, auto& a) -> Result<Json> { return joined(a, " ") + "\n"; }},
    Function{"printf", 1, [](auto&, auto& a) { return formatted(a); }},
    Function{"eq", 2, compared},
    Function{"ne", 2, compared},
    Function{"lt", 2, compared},
    Function{"le", 2, compared},
    Function{"gt", 2, compared},
    Function{"ge", 2, compared},
    Function{"not", 1, [](auto&, auto& a) -> Result<Json> { return !template_truth(a[0]); }},
    Function{"and", 1,
             [](auto&, auto& a) -> Result<Json> {
               auto it = std::ranges::find_if_not(a, template_truth);
               return it == a.end() ? a.back() : *it;
             }},
    Function{"or", 1,
             [](auto&, auto& a) -> Result<Json> {
               auto it = std::ranges::find_if(a, template_truth);
               return it == a.end() ? a.back() : *it;
             }},
};

}  // namespace

std::string template_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "<no value>";
  std::string text;
  if (value.is_array()) {
    for (const auto& item : value) text += (text.empty() ? "" : " ") + template_text(item);
    return "[" + text + "]";
  }
  if (value.is_object()) {
    for (const auto& [key, item] : value.items())
      text += (text.empty() ? "" : " ") + key + ":" + template_text(item);
    return "map[" + text + "]";
  }
  return value.dump();
}

bool template_truth(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != 0;
  return value.is_string() ? !value.get_ref<const std::string&>().empty() : !value.empty();
}

Result<Json> call_template_function(const std::string& name, const std::vector<Json>& arguments) {
  const auto* function = std::ranges::find_if(kFunctions, [&](const Function& f) { return name == f.name; });
  if (function == kFunctions.end()) return template_error(name);
  if (arguments.size() < function->least)
    return error("function in template lacks arguments", name, {}, EINVAL);
  return function->call(name, arguments);
}

}  // namespace rcrt::cli
