// SPDX-License-Identifier: MIT
#include "oci/arguments.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>

namespace rcrt::oci {
namespace {

std::unexpected<Error> usage_error(const std::string& what, const std::string& option) {
  return error(what, option, "see --help", EINVAL);
}

const Option* find(const std::vector<Option>& options, const std::string& name) {
  for (const auto& option : options)
    if (name == option.name || (name.size() == 1 && name[0] == option.letter)) return &option;
  return nullptr;
}

}  // namespace

bool Arguments::has(const char* name) const { return !texts(name).empty(); }

bool Arguments::flag(const char* name) const {
  auto all = texts(name);
  return !all.empty() && all.back() != "false" && all.back() != "0";
}

std::string Arguments::text(const char* name) const {
  auto all = texts(name);
  return all.empty() ? std::string() : all.back();
}

std::vector<std::string> Arguments::texts(const char* name) const {
  std::vector<std::string> list;
  for (const auto& [given, value] : given_)
    if (std::string_view(given) == name) list.push_back(value);
  return list;
}

Result<Arguments> parse(const std::vector<Option>& options, const std::vector<std::string>& args,
                        bool in_order) {
  Arguments result;
  for (size_t at = 0; at < args.size(); ++at) {
    const std::string& arg = args[at];
    if (arg == "--") {
      result.words.insert(result.words.end(), args.begin() + static_cast<std::ptrdiff_t>(at) + 1, args.end());
      break;
    }
    if (arg.size() < 2 || arg[0] != '-') {
      result.words.push_back(arg);
      if (!in_order) continue;
      result.words.insert(result.words.end(), args.begin() + static_cast<std::ptrdiff_t>(at) + 1, args.end());
      break;
    }
    size_t dashes = arg[1] == '-' ? 2 : 1, equals = arg.find('=');
    std::string name = arg.substr(dashes, equals == std::string::npos ? equals : equals - dashes);
    const Option* option = find(options, name);
    if (option == nullptr && dashes == 1 && equals == std::string::npos) {
      // -dt: several switches, of which the last may take a value.
      std::vector<std::string> cluster;
      bool known = true;
      for (size_t i = 0; known && i < name.size(); ++i) {
        option = find(options, std::string(1, name[i]));
        known = option != nullptr && (option->value == nullptr || i + 1 == name.size());
        if (known && option->value == nullptr) result.given_.emplace_back(option->name, "true");
      }
      if (known && option != nullptr && option->value == nullptr) continue;
      if (!known) option = nullptr;
    }
    if (option == nullptr) return usage_error("flag provided but not defined", "-" + name);
    if (equals != std::string::npos) {
      result.given_.emplace_back(option->name, arg.substr(equals + 1));
    } else if (option->value == nullptr) {
      result.given_.emplace_back(option->name, "true");
    } else if (at + 1 < args.size()) {
      result.given_.emplace_back(option->name, args[++at]);
    } else {
      return usage_error("flag needs an argument", "-" + name);
    }
  }
  return result;
}

std::string help_of(const std::vector<Option>& options) {
  std::string text;
  for (const auto& option : options) {
    std::string left = "   --" + std::string(option.name);
    if (option.value != nullptr) left += std::string(" ") + option.value;
    if (option.letter != 0) left += std::string(", -") + option.letter;
    left.resize(std::max<size_t>(left.size() + 2, 36), ' ');
    text += left + option.help + "\n";
  }
  return text;
}

Result<int64_t> number(const std::string& text, const char* option) {
  int64_t value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || text.empty())
    return error(std::string("invalid value for --") + option, text, "give a whole number", EINVAL);
  return value;
}

Result<int64_t> size(const std::string& text, const char* option) {
  std::string digits = text;
  int shift = 0;
  if (!digits.empty() && (digits.back() == 'b' || digits.back() == 'B')) digits.pop_back();
  if (!digits.empty()) {
    constexpr std::string_view kUnits = "kmgtKMGT";
    if (size_t unit = kUnits.find(digits.back()); unit != kUnits.npos) {
      shift = 10 * static_cast<int>(unit % 4 + 1);
      digits.pop_back();
    }
  }
  RCRT_ASSIGN(int64_t value, number(digits, option));
  if (value > std::numeric_limits<int64_t>::max() >> shift)
    return error(std::string("invalid value for --") + option, text, "it is too large", EINVAL);
  return value < 0 ? value : value << shift;
}

}  // namespace rcrt::oci
