// SPDX-License-Identifier: MIT
// A bundle's config.json, and what rcrt-oci adds to it before core/plan_builder sees it.
#pragma once

#include <string>

#include "base/result.h"
#include "core/json.h"

namespace rcrt::oci {

struct Bundle {
  std::string path;    // absolute
  std::string text;    // config.json as it is
  Json config;         // and read, see normalise()
  std::string rootfs;  // absolute
};

// `config_file` may name another file than <bundle>/config.json.
Result<Bundle> read_bundle(const std::string& bundle, const std::string& config_file);

// Paths made absolute, members of the wrong type refused where this file looks at them.
Result<void> normalise(Json& config, const std::string& bundle, std::string& rootfs);

// A mount of the configuration, which shows something that is there already.
bool is_bind(const Json& mount);

// Appends HOME to process.env if it is not there, from the root's own /etc/passwd.
void add_home(Json& process, int root_fd);

}  // namespace rcrt::oci
