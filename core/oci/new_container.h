// SPDX-License-Identifier: MIT
// The beginning of a container: what `create` and `restore` have in common.
#pragma once

#include <vector>

#include "base/result.h"
#include "core/oci/bundle.h"
#include "core/oci/intel_rdt.h"
#include "core/oci/runtime.h"

namespace rcrt::oci {

// Whether such a configuration can become a container. What this kernel lacks and nobody misses
// is taken out of it.
Result<void> check_bundle(Bundle& bundle, const CreateOptions& options, const PluginHost::LogSink& log);
Result<IntelRdt> intel_rdt_of(const Json& config, const std::string& id);

// What is going to be made, as it is written down before it is: there is no process yet.
Record new_record(const CreateOptions& options, const Bundle& bundle, const std::vector<Isolation>& isolation,
                  const IntelRdt& intel_rdt, const std::string& owner);

}  // namespace rcrt::oci
