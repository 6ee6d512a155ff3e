// SPDX-License-Identifier: MIT
// Command lines as runc takes them: --name VALUE, --name=VALUE, -name VALUE, short names,
// options before and after the words unless the command says otherwise.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace rcrt::oci {

struct Option {
  const char* name;   // "pid-file"
  char letter;        // 'p', or 0
  const char* value;  // "FILE"; nullptr for a switch
  const char* help;
};

class Arguments {
 public:
  std::vector<std::string> words;

  bool has(const char* name) const;
  bool flag(const char* name) const;         // given, and not --name=false
  std::string text(const char* name) const;  // the last one given, or empty
  std::vector<std::string> texts(const char* name) const;

 private:
  friend Result<Arguments> parse(const std::vector<Option>&, const std::vector<std::string>&, bool);
  std::vector<std::pair<const char*, std::string>> given_;
};

// `in_order`: everything after the first word is a word.
Result<Arguments> parse(const std::vector<Option>& options, const std::vector<std::string>& args,
                        bool in_order);

// One line for each option.
std::string help_of(const std::vector<Option>& options);

// A whole number; nothing else may stand beside it.
Result<int64_t> number(const std::string& text, const char* option);
// The same with k, m, g, t behind it (1024 each), and -1.
Result<int64_t> size(const std::string& text, const char* option);

}  // namespace rcrt::oci
