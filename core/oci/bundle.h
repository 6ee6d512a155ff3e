// SPDX-License-Identifier: MIT
// A bundle's config.json, and what rcrt-oci adds to it before core/plan_builder sees it.
#pragma once

#include <string>
#include <vector>

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

enum class CgroupManager { cgroupfs, systemd, disabled };

// One call of an isolation plugin.
struct Isolation {
  std::string plugin;  // "cgroup"
  Json request;
};
// What the configuration needs; nothing when it asks for nothing.
Result<std::vector<Isolation>> isolation_of(const Json& config, const std::string& id, CgroupManager manager,
                                            const std::string& cache_dir);
Json seccomp_request(const Json& config, const Json& process, const std::string& cache_dir);
// linux.resources with the device rules every container has.
Json resources_of(const Json& config);

}  // namespace rcrt::oci
