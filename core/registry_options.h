// SPDX-License-Identifier: MIT
// How registries are reached: what the user said, and what the environment says.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "core/json.h"

namespace rcrt {

struct RegistryOptions {
  std::optional<bool> tls_verify;
  std::string auth_file;  // --authfile; empty: the usual places
  std::string certs_dir;  // --cert-dir: a folder of HOST[:PORT] folders, before the usual ones
};

struct PullOptions {
  std::string platform;  // "linux/arm64"; empty: this machine's
  bool all_tags = false;
  bool only_missing = false;  // a short name may be in the store as an alias means it
  int parallel = 0;           // downloads at a time; 0: the plugin's choice
  RegistryOptions registry;
};

struct PulledImage {
  std::string name, id, digest;
  bool news = false;  // the store had another one, or none
};

// The members of an image plugin's request that say so (include/rcrt/image.h).
Json registry_request(const RegistryOptions& options);
// The file `login` writes to.
Result<std::string> login_file(const RegistryOptions& options);

}  // namespace rcrt
