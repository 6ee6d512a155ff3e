// SPDX-License-Identifier: MIT
// What could stop the network from working on this machine.
#pragma once

#include <string>
#include <vector>

#include "plugins/net-bridge/shared.h"

namespace rcrt::bridge {

struct Finding {
  bool ok;
  std::string what;
  std::string cure;
};

Expected<std::vector<Finding>> examine(Host& host);

}  // namespace rcrt::bridge
