// SPDX-License-Identifier: MIT
#include "core/instructions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/environment.h"

namespace rcrt {
namespace {

// Words as a Dockerfile has them: quotes and backslashes hold them together.
std::vector<std::string> dockerfile_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
      in_word = true;
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) words.push_back(word);
  return words;
}

std::unexpected<Error> invalid(const std::string& instruction) {
  return error("invalid instruction", instruction, std::string("known: ") + kInstructions, EINVAL);
}

bool is_assignment(const std::string& word) { return word.find('=') != std::string::npos && word[0] != '='; }

// "A=1 B=2", or docker's old form "A 1 and the rest".
Result<std::vector<std::string>> assignments(const std::string& value, const std::string& instruction) {
  std::vector<std::string> words = dockerfile_words(value);
  if (words.empty()) return invalid(instruction);
  if (!is_assignment(words[0])) {
    const size_t space = value.find(' ');
    if (space == std::string::npos) return invalid(instruction);
    return std::vector{value.substr(0, space) + "=" + value.substr(space + 1)};
  }
  if (!std::ranges::all_of(words, is_assignment)) return invalid(instruction);
  return words;
}

// A JSON list of texts, or a line for a shell.
Json command(const std::string& value) {
  Json list = Json::parse(value, nullptr, false);
  if (list.is_array() && std::ranges::all_of(list, [](const Json& word) { return word.is_string(); }))
    return list;
  return Json{"/bin/sh", "-c", value};
}

Result<void> add_keys(Json& set, const std::string& value, const std::string& suffix) {
  const Json list = Json::parse(value, nullptr, false);
  std::vector<std::string> words;
  if (list.is_array()) {
    for (const Json& word : list)
      if (word.is_string()) words.push_back(word.get<std::string>());
  } else {
    words = dockerfile_words(value);
  }
  for (const std::string& word : words)
    set[!suffix.empty() && word.find('/') == std::string::npos ? word + suffix : word] = Json::object();
  return {};
}

}  // namespace

Result<void> apply_instruction(Json& config, const std::string& instruction) {
  const size_t end = instruction.find_first_of(" =");
  std::string key = instruction.substr(0, end);
  for (char& c : key)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const size_t start = end == std::string::npos ? end : instruction.find_first_not_of(' ', end + 1);
  const std::string value = start == std::string::npos ? "" : instruction.substr(start);
  if (value.empty() && key != "CMD" && key != "ENTRYPOINT") return invalid(instruction);
  if (key == "CMD") {
    config["Cmd"] = command(value);
  } else if (key == "ENTRYPOINT") {
    config["Entrypoint"] = command(value);
  } else if (key == "ENV" || key == "LABEL") {
    RCRT_ASSIGN(const auto pairs, assignments(value, instruction));
    for (const std::string& pair : pairs) {
      const size_t equals = pair.find('=');
      if (key == "ENV")
        set_variable(config["Env"], pair);
      else
        config["Labels"][pair.substr(0, equals)] = pair.substr(equals + 1);
    }
  } else if (key == "USER") {
    config["User"] = value;
  } else if (key == "WORKDIR") {
    config["WorkingDir"] = value;
  } else if (key == "STOPSIGNAL") {
    config["StopSignal"] = value;
  } else if (key == "ONBUILD") {
    config["OnBuild"].push_back(value);
  } else if (key == "VOLUME") {
    return add_keys(config["Volumes"], value, "");
  } else if (key == "EXPOSE") {
    return add_keys(config["ExposedPorts"], value, "/tcp");
  } else {
    return invalid(instruction);
  }
  return {};
}

}  // namespace rcrt
