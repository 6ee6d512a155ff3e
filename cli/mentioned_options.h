// SPDX-License-Identifier: MIT
// Of the many options of a verb, those that a command line can mean. Boost takes longer to
// describe a hundred options than to parse the three that are given.
#pragma once

#include <bitset>
#include <memory>
#include <string>
#include <vector>

#include "cli/options.h"

namespace rcrt::cli {

// Used as what add_options() returns is: ("name,n", toggle(), "what it does").
class MentionedOptions {
 public:
  // All of them when the words ask for --help.
  MentionedOptions(po::options_description& into, const std::vector<std::string>& args);

  MentionedOptions& operator()(const char* names, po::value_semantic* semantic, const char* text);

 private:
  bool mentions(std::string_view names) const;

  po::options_description& into_;
  std::vector<std::string_view> long_names_;
  std::bitset<256> letters_;
  bool all_ = false;
};

}  // namespace rcrt::cli
