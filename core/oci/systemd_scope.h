// SPDX-License-Identifier: MIT
// linux.cgroupsPath as the systemd driver reads it: "slice:prefix:name".
#pragma once

#include <string>

#include "base/result.h"

namespace rcrt::oci {

struct SystemdScope {
  std::string slice;   // "machine.slice"
  std::string unit;    // "libpod-<id>.scope"
  std::string cgroup;  // "/machine.slice/libpod-<id>.scope"
};

// Empty: a scope of rcrt-oci's in system.slice.
Result<SystemdScope> systemd_scope(const std::string& cgroups_path, const std::string& id);

}  // namespace rcrt::oci
