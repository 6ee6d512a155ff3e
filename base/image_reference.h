// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/result.h"

namespace rcrt {

// "busybox" -> "docker.io/library/busybox:latest" as docker reads references; an Error
// for what no reference can be. "localhost/x" and "host:5000/x" keep their host.
Result<std::string> normalize_reference(const std::string& reference);

}  // namespace rcrt
