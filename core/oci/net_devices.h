// SPDX-License-Identifier: MIT
// linux.netDevices: network devices of the machine that move into the container's namespace.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "core/json.h"

namespace rcrt::oci {

struct NetDevice {
  std::string where;   // "linux.netDevices.eth1", for errors
  std::string name;    // on the machine
  std::string inside;  // in the container; may have a %d for a number the kernel chooses
};

// Checked. They need a network namespace.
Result<std::vector<NetDevice>> read_net_devices(const Json& config);
// Each keeps its permanent global addresses, and is up in the end.
Result<void> move_net_devices(const std::vector<NetDevice>& devices, int namespace_fd);

}  // namespace rcrt::oci
