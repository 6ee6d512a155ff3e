// SPDX-License-Identifier: MIT
// Where a container's mounts go in its root.
#pragma once

#include <string>

#include "base/result.h"
#include "core/json.h"

namespace rcrt::oci {

// Makes those of a configuration that are missing in the folder `root`. What lies below another
// mount is not the root's.
Result<void> make_mount_points(const Json& config, const std::string& root);

}  // namespace rcrt::oci
