// SPDX-License-Identifier: MIT
// The commands of rcrt-oci.
#include "oci/checkpoint_options.h"
#include "oci/command.h"

namespace rcrt::oci {
namespace {

std::vector<Command> elsewhere() { return checkpoint_commands(nullptr, nullptr); }

}  // namespace

std::vector<Command> all_commands() {
  std::vector<Command> all;
  for (auto part : {lifecycle_commands, exec_commands, list_commands, ps_commands, control_commands,
                    mounts_commands, elsewhere, about_commands})
    for (auto& command : part()) all.push_back(std::move(command));
  return all;
}

}  // namespace rcrt::oci
