// SPDX-License-Identifier: MIT
#include "cli/options.h"

namespace rcrt::cli {
namespace {

bool takes_value(const po::option_description& option) { return option.semantic()->min_tokens() > 0; }

// Every option with its whole name and one value, so that Boost has nothing to guess.
class Normalizer {
  const po::options_description& description_;
  const std::vector<std::string>& args_;

 public:
  Normalizer(const po::options_description& description, const std::vector<std::string>& args)
      : description_(description), args_(args) {}

  Result<void> run(Stop stop) {
    while (at_ < args_.size()) {
      const std::string& arg = args_[at_++];
      if (arg == "--") {
        words.insert(words.end(), args_.begin() + static_cast<ptrdiff_t>(at_), args_.end());
        return {};
      }
      if (arg.size() < 2 || arg[0] != '-') {
        words.push_back(arg);
        if (stop == Stop::never) continue;
        words.insert(words.end(), args_.begin() + static_cast<ptrdiff_t>(at_), args_.end());
        return {};
      }
      RCRT_TRY(arg[1] == '-' ? long_option(arg) : short_options(arg));
    }
    return {};
  }

  po::parsed_options options{&description_};
  std::vector<std::string> words;

 private:
  Result<void> long_option(const std::string& arg) {
    auto equals = arg.find('=');
    std::string name = arg.substr(2, equals == std::string::npos ? equals : equals - 2);
    // Boost takes the empty name for a beginning of all of them, and throws.
    const auto* option = name.empty() ? nullptr : description_.find_nothrow(name, false);
    if (option == nullptr) return unknown(arg.substr(0, equals));
    if (equals != std::string::npos) return add(*option, arg.substr(equals + 1));
    if (takes_value(*option)) return next_value(*option, arg);
    return add(*option, "true");
  }

  Result<void> short_options(const std::string& arg) {
    for (size_t i = 1; i < arg.size(); ++i) {
      const auto* option = description_.find_nothrow(std::string("-") + arg[i], false);
      if (option == nullptr) return unknown(std::string("-") + arg[i]);
      if (!takes_value(*option)) {
        RCRT_TRY(add(*option, "true"));
        continue;
      }
      if (i + 1 == arg.size()) return next_value(*option, std::string("-") + arg[i]);
      return add(*option, arg.substr(arg[i + 1] == '=' ? i + 2 : i + 1));
    }
    return {};
  }

  Result<void> next_value(const po::option_description& option, const std::string& as_written) {
    if (at_ == args_.size()) return error("option needs a value", as_written, "see --help", EINVAL);
    return add(option, args_[at_++]);
  }

  Result<void> add(const po::option_description& option, const std::string& value) {
    // Of an option that is one value the last counts, as with docker and podman.
    if (!option.semantic()->is_composing())
      std::erase_if(options.options,
                    [&](const po::option& earlier) { return earlier.string_key == option.long_name(); });
    options.options.emplace_back(option.long_name(), std::vector{value});
    return {};
  }

  static std::unexpected<Error> unknown(const std::string& name) {
    return error("unknown option", name, "see --help", EINVAL);
  }

  size_t at_ = 0;
};

}  // namespace

Result<CommandLine> parse_command_line(const po::options_description& description,
                                       const std::vector<std::string>& args, Stop stop) {
  Normalizer normalizer(description, args);
  RCRT_TRY(normalizer.run(stop));
  CommandLine line;
  line.words = std::move(normalizer.words);
  try {
    po::store(normalizer.options, line.options);
    po::notify(line.options);
  } catch (const po::error& failure) {
    return error(failure.what(), {}, "see --help", EINVAL);
  }
  return line;
}

std::string options_help(const po::options_description& description, const std::string& title) {
  if (description.options().empty()) return {};
  std::string text = title + ":\n";
  for (const auto& option : description.options()) {
    std::string names = option->canonical_display_name(po::command_line_style::allow_dash_for_short);
    std::string left = names.size() == 2 && names[0] == '-' ? "  " + names + ", --" + option->long_name()
                                                            : "      --" + option->long_name();
    if (takes_value(*option)) left += " " + option->semantic()->name();
    left.resize(std::max<size_t>(left.size() + 2, 36), ' ');
    text += left + option->description() + "\n";
  }
  return text + "\n";
}

const po::options_description& global_options() {
  static const po::options_description description = [] {
    po::options_description all;
    all.add_options()                                                                                //
        ("root", word("DIR"), "images, containers and other data (/var/lib/rcrt, or $RCRT_ROOT)")    //
        ("state", word("DIR"), "state of running containers (/run/rcrt, or $RCRT_STATE)")            //
        ("plugin-dir", words("DIR"), "look for plugins here first")                                  //
        ("net", words("NETWORK"), "network: none, bridge, host, container:NAME or a plugin's name")  //
        ("network", words("NETWORK"), "the same as --net")                                           //
        ("storage", word("PLUGIN"), "storage plugin: overlay, dir or another's name")                //
        ("isolation", word("PLUGINS"), "isolation plugins, separated by commas (cgroup,seccomp)")    //
        ("debug", toggle(), "print what plugins log, and each step with its time")                   //
        ("help", toggle(), "print this help");
    return all;
  }();
  return description;
}

}  // namespace rcrt::cli
