// SPDX-License-Identifier: MIT
// Sysctls of one network interface (net.ipv4.conf.eth0.rp_filter): they exist from the moment
// it does, which is after the rest of the container has been made.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace rcrt {

using Sysctls = std::vector<std::pair<std::string, std::string>>;  // path below /proc/sys, value

bool wants_interface(const std::string& path);
// Takes them out of `all`.
Sysctls take_interface_sysctls(Sysctls& all);
// Sets them in a network namespace; the calling thread is back in its own afterwards.
Result<void> set_sysctls_in(int netns, const Sysctls& sysctls);

}  // namespace rcrt
