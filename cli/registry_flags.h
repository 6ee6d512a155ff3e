// SPDX-License-Identifier: MIT
// The flags of every verb that may speak to a registry.
#pragma once

#include "cli/options.h"
#include "core/engine.h"

namespace rcrt::cli {

// --authfile, --cert-dir, --tls-verify.
void add_registry_flags(po::options_description& description);
RegistryOptions registry_options(const CommandLine& line);

// --pull, --platform and those above.
Result<PullPolicy> pull_policy(const CommandLine& line);

}  // namespace rcrt::cli
