// SPDX-License-Identifier: MIT
// The flags of `run`, and what they mean.
#pragma once

#include "cli/command.h"
#include "core/run_options.h"

namespace rcrt::cli {

// Those of a container, and with them those of `run`, as far as the words can mean them.
po::options_description container_flags(const std::vector<std::string>& args);
po::options_description run_flags(const std::vector<std::string>& args);
Result<RunOptions> run_options(const CommandLine& line, const Globals& globals);
// Ports, names and addresses among the flags.
Result<void> network_flags(const CommandLine& line, RunOptions& options);
// The limits among the flags as OCI linux.resources.
Result<Json> resource_options(const CommandLine& line);

}  // namespace rcrt::cli
