// SPDX-License-Identifier: MIT
// What ps(1) would say of some processes.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace rcrt::oci::ps {

// `words` are options of ps(1); where they choose processes, they choose among these.
Result<std::string> report(std::vector<pid_t> pids, const std::vector<std::string>& words);

}  // namespace rcrt::oci::ps
