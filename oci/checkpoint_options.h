// SPDX-License-Identifier: MIT
// The options of checkpoint and restore, which rcrt-oci shows and rcrt-checkpoint reads.
#pragma once

#include <span>
#include <vector>

#include "core/oci/criu_options.h"
#include "oci/command.h"

namespace rcrt::oci {

struct Switch {
  Option option;
  bool CriuOptions::* member;
};

std::span<const Switch> common_switches();  // of both
std::span<const Switch> checkpoint_switches();

// Both commands, which do this.
using Run = Result<int> (*)(Context&, const Arguments&);
std::vector<Command> checkpoint_commands(Run checkpoint, Run restore);

}  // namespace rcrt::oci
