// SPDX-License-Identifier: MIT
// What the isolation plugins are asked for.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "core/json.h"

namespace rcrt::oci {

enum class CgroupManager { cgroupfs, systemd, disabled };

struct CgroupSettings {
  CgroupManager manager = CgroupManager::cgroupfs;
  bool rootless = false;  // we are not the machine's root: groups may be out of reach, devices are
  bool required = false;  // a group that cannot be made is an error even if nothing is limited
};

// One call of an isolation plugin.
struct Isolation {
  std::string plugin;  // "cgroup"
  Json request;
};
// What a container with this configuration needs.
Result<std::vector<Isolation>> isolation_of(const Json& config, const std::string& id,
                                            const CgroupSettings& settings, const std::string& cache_dir);
Json seccomp_request(const Json& config, const Json& process, const std::string& cache_dir);

}  // namespace rcrt::oci
