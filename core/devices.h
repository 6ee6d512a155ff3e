// SPDX-License-Identifier: MIT
// Device nodes and device rules for a container's configuration.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "core/json.h"

namespace rcrt {

struct DeviceEntry {
  Json device;  // OCI linux.devices entry
  Json rule;    // OCI linux.resources.devices entry that allows it
};

// "HOST[:CONTAINER[:rwm]]", HOST a device node on the host, or a folder for all that are in it.
Result<std::vector<DeviceEntry>> describe_devices(const std::string& text);

// "c 1:3 rwm", "b 8:* r", "a *:* rwm", as docker's --device-cgroup-rule.
Result<Json> parse_device_rule(const std::string& text);

// All of the host's device nodes, for --privileged.
Json host_devices();

}  // namespace rcrt
