// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/result.h"

namespace rcrt {

// The rule of docker and podman for names of containers and volumes: [a-zA-Z0-9][a-zA-Z0-9_.-]*
Result<void> check_name(const std::string& name, const char* what = "container name");

}  // namespace rcrt
