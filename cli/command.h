// SPDX-License-Identifier: MIT
// What every verb gets, and the table of verbs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "core/engine.h"

namespace rcrt::cli {

// The global options as given before the verb; a verb's own line may add to them.
struct Globals {
  std::string root, state, storage, isolation;
  std::vector<std::string> plugin_dirs, networks;
  bool debug = false;

  // Takes over what the line says.
  void apply(const CommandLine& line);
};

class Context {
 public:
  Globals globals;

  // Parses a verb's arguments: its own options and the global ones. Prints the help and
  // returns an empty optional when --help is there.
  Result<std::optional<CommandLine>> parse(const std::string& usage, const po::options_description& own,
                                           const std::vector<std::string>& args, Stop stop = Stop::never);

  // The engine for the global options; made at first use.
  Result<Engine*> engine();
  // The container a user named, recovered as recover() does.
  Result<Container> container(const std::string& reference);
  // Rolls a container back that is half made or dead, but waits only so long for plugins: a warning
  // says so.
  Result<void> recover(const std::string& id);

  // At the end of a command: leaves a process behind that takes down what is shared on the
  // networks that containers left, if nobody has come by then.
  void idle_networks_later();
  // The same in this process, which lets go of its input and output.
  void idle_networks_after_pause();

 private:
  std::unique_ptr<Engine> engine_;
};

// Returns the exit code of the program.
using Verb = Result<int> (*)(Context&, const std::vector<std::string>& args);

struct Command {
  const char* name;
  const char* summary;
  Verb verb;
};

Result<int> run_command(Context&, const std::vector<std::string>&);
Result<int> create_command(Context&, const std::vector<std::string>&);
Result<int> start_command(Context&, const std::vector<std::string>&);
Result<int> ps_command(Context&, const std::vector<std::string>&);
Result<int> inspect_command(Context&, const std::vector<std::string>&);
Result<int> stop_command(Context&, const std::vector<std::string>&);
Result<int> kill_command(Context&, const std::vector<std::string>&);
Result<int> rm_command(Context&, const std::vector<std::string>&);
Result<int> wait_command(Context&, const std::vector<std::string>&);
Result<int> port_command(Context&, const std::vector<std::string>&);
Result<int> logs_command(Context&, const std::vector<std::string>&);
Result<int> pull_command(Context&, const std::vector<std::string>&);
Result<int> push_command(Context&, const std::vector<std::string>&);
Result<int> login_command(Context&, const std::vector<std::string>&);
Result<int> logout_command(Context&, const std::vector<std::string>&);
Result<int> import_command(Context&, const std::vector<std::string>&);
Result<int> load_command(Context&, const std::vector<std::string>&);
Result<int> save_command(Context&, const std::vector<std::string>&);
Result<int> export_command(Context&, const std::vector<std::string>&);
Result<int> commit_command(Context&, const std::vector<std::string>&);
Result<int> diff_command(Context&, const std::vector<std::string>&);
Result<int> image_command(Context&, const std::vector<std::string>&);
Result<int> history_command(Context&, const std::vector<std::string>&);
Result<int> tag_command(Context&, const std::vector<std::string>&);
Result<int> untag_command(Context&, const std::vector<std::string>&);
Result<int> disk_usage_command(Context&, const std::vector<std::string>&);
Result<int> images_command(Context&, const std::vector<std::string>&);
Result<int> rmi_command(Context&, const std::vector<std::string>&);
Result<int> unpack_command(Context&, const std::vector<std::string>&);
Result<int> network_command(Context&, const std::vector<std::string>&);
Result<int> plugin_command(Context&, const std::vector<std::string>&);
Result<int> doctor_command(Context&, const std::vector<std::string>&);
Result<int> system_command(Context&, const std::vector<std::string>&);
Result<int> volume_command(Context&, const std::vector<std::string>&);
Result<int> version_command(Context&, const std::vector<std::string>&);

// Prints "rcrt: ..." to standard error.
void print_error(const Error& error);
void print_warning(const std::string& line);

// A verb with verbs of its own: `rcrt network ls`.
Result<int> dispatch(Context& context, const std::string& parent, const std::vector<Command>& commands,
                     const std::vector<std::string>& args);

// Runs `one` on each word, goes on past failures, prints them; 0 or 1.
template <typename Function>
int for_each_word(const std::vector<std::string>& words, Function one) {
  int code = 0;
  for (const auto& word : words)
    if (Result<void> done = one(word); !done) {
      print_error(done.error());
      code = 1;
    }
  return code;
}

// Two or more verbs take at least or exactly so many words.
Result<void> need_words(const CommandLine& line, size_t least, size_t most, const std::string& usage);

}  // namespace rcrt::cli
