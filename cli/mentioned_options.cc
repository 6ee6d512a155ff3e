// SPDX-License-Identifier: MIT
#include "cli/mentioned_options.h"

#include <algorithm>
#include <string_view>

namespace rcrt::cli {

MentionedOptions::MentionedOptions(po::options_description& into, const std::vector<std::string>& args)
    : into_(into) {
  for (const std::string_view arg : args) {
    if (!arg.starts_with('-')) continue;
    if (!arg.starts_with("--")) {
      for (const char letter : arg.substr(1)) letters_.set(static_cast<unsigned char>(letter));
      continue;
    }
    const std::string_view name = arg.substr(2, arg.find('=') - 2);
    long_names_.push_back(name);
    all_ = all_ || name == "help";
  }
}

bool MentionedOptions::mentions(std::string_view names) const {
  const size_t comma = names.find(',');
  if (comma != names.npos && letters_.test(static_cast<unsigned char>(names[comma + 1]))) return true;
  return all_ || std::ranges::find(long_names_, names.substr(0, comma)) != long_names_.end();
}

MentionedOptions& MentionedOptions::operator()(const char* names, po::value_semantic* semantic,
                                               const char* text) {
  std::unique_ptr<po::value_semantic> owned(semantic);
  if (mentions(names)) into_.add_options()(names, owned.release(), text);
  return *this;
}

}  // namespace rcrt::cli
