// SPDX-License-Identifier: MIT
// What every container gets unless told otherwise: docker's defaults, as OCI pieces.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "core/json.h"

namespace rcrt {

// The /proc, /sys, /dev, ... mounts of OCI "mounts".
Json default_mounts(bool privileged, const std::string& shm_size);
Json default_masked_paths();
Json default_readonly_paths();
// Device rules of linux.resources.devices: nothing but the standard devices.
Json default_device_rules();
std::vector<std::string> default_capabilities();
// Capabilities this process could give at most (its bounding set).
std::vector<std::string> all_capabilities();
// The defaults changed by --cap-add and --cap-drop; ALL is known; names with or
// without CAP_.
// Whether --cap-add words name it, alone or with ALL.
bool asks_for_capability(const std::vector<std::string>& add, const std::string& name);
Result<std::vector<std::string>> choose_capabilities(bool privileged, const std::vector<std::string>& add,
                                                     const std::vector<std::string>& drop);
extern const char kDefaultPath[];

}  // namespace rcrt
