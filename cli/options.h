// SPDX-License-Identifier: MIT
// Command lines as docker and podman users write them, on Boost.Program_options: clusters
// (-it), values in either form (-p 80:80, -p80:80, --publish=80:80), switches with or
// without a value (--rm, --rm=false), and an end at the first word that is no option.
#pragma once

#include <boost/program_options.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace rcrt::cli {

namespace po = boost::program_options;

struct CommandLine {
  po::variables_map options;
  std::vector<std::string> words;

  bool flag(const char* name) const { return options.count(name) != 0 && options[name].as<bool>(); }
  bool has(const char* name) const { return options.count(name) != 0; }
  std::string text(const char* name) const {
    return has(name) ? options[name].as<std::string>() : std::string();
  }
  std::vector<std::string> list(const char* name) const {
    return has(name) ? options[name].as<std::vector<std::string>>() : std::vector<std::string>();
  }
};

enum class Stop { at_first_word, never };

// Words after "--" are never options.
Result<CommandLine> parse_command_line(const po::options_description& description,
                                       const std::vector<std::string>& args, Stop stop = Stop::never);

// --name and --name=false.
inline po::value_semantic* toggle() { return po::value<bool>()->implicit_value(true); }
inline po::value_semantic* word(const char* name = "VALUE") {
  return po::value<std::string>()->value_name(name);
}
// May be given several times.
inline po::value_semantic* words(const char* name = "VALUE") {
  return po::value<std::vector<std::string>>()->composing()->value_name(name);
}

// The options as --help shows them: one a line, its value's name, what it does.
std::string options_help(const po::options_description& description, const std::string& title);

// Options every verb has, also before the verb.
const po::options_description& global_options();

}  // namespace rcrt::cli
