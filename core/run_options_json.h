// SPDX-License-Identifier: MIT
// What a user asked for, kept in a container's record for its later starts.
#pragma once

#include "core/json.h"
#include "core/run_options.h"

namespace rcrt {

Json options_record(const RunOptions& options);
// What the record does not say is as it is by default. Throws nlohmann's exceptions when it is damaged.
RunOptions options_of(const Json& record);
Json mounts_record(const std::vector<BindMount>& mounts);
std::vector<BindMount> mounts_of(const Json& record);

}  // namespace rcrt
