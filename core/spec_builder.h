// SPDX-License-Identifier: MIT
// Flags + image configuration + defaults -> one OCI runtime-spec configuration, the only
// thing the launcher knows of a container.
#pragma once

#include <string>

#include "base/result.h"
#include "core/json.h"
#include "core/run_options.h"
#include "core/users.h"

namespace rcrt {

// What the engine found out before the configuration can be written down.
struct SpecInput {
  std::string id;
  Json image_config = Json::object();  // image-spec "config" object; {} for a plain directory
  bool host_network = false;
  std::string network_path;                            // join this network namespace instead of a new one
  std::string hosts_file, hostname_file, resolv_file;  // bind-mounted when not empty
};

// As OCI linux.uidMappings.
Json id_mappings(const std::vector<IdMapping>& mappings);

// The command line a container runs: entrypoint and arguments of options and image.
Result<std::vector<std::string>> command_line(const RunOptions& options, const Json& image_config);

// Who the process runs as is still open: that is told by files in the root.
Result<Json> build_spec(const RunOptions& options, const SpecInput& input);
void set_user(Json& spec, const User& user);

}  // namespace rcrt
