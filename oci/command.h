// SPDX-License-Identifier: MIT
// What every command of rcrt-oci gets, and the table of commands.
#pragma once

#include <string>
#include <vector>

#include "core/oci/runtime.h"
#include "oci/arguments.h"

namespace rcrt::oci {

struct Context {
  Settings settings;
  std::string criu;  // the program; empty: the one in PATH

  Runtime& runtime() {
    if (!runtime_) runtime_.emplace(settings);
    return *runtime_;
  }

 private:
  std::optional<Runtime> runtime_;
};

struct Command {
  const char* name;
  const char* usage;  // after the name
  const char* summary;
  size_t least, most;  // words
  bool in_order;       // what follows the first word belongs to it
  std::vector<Option> options;
  Result<int> (*run)(Context&, const Arguments&);  // nullptr: see rcrt-checkpoint
};

// Those of this program.
std::vector<Command> all_commands();

// One table a file.
std::vector<Command> lifecycle_commands();  // create, run, start, state, kill, delete
std::vector<Command> list_commands();
std::vector<Command> ps_commands();
std::vector<Command> exec_commands();
std::vector<Command> mounts_commands();
std::vector<Command> control_commands();  // pause, resume, update, events
std::vector<Command> about_commands();    // spec, features

// Paths of options are meant from where we were started.
Result<std::string> absolute(const std::string& path);

}  // namespace rcrt::oci
