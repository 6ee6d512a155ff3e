// SPDX-License-Identifier: MIT
// The mounts that a container's process sees.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace rcrt::oci {

struct ContainerMounts {
  std::vector<std::string> points;  // in the container
  std::set<int> ids;
};
ContainerMounts parse_container_mounts(const std::string& mountinfo);
Result<ContainerMounts> container_mounts(pid_t pid);

}  // namespace rcrt::oci
