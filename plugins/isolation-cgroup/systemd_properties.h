// SPDX-License-Identifier: MIT
// Settings as properties of a unit of systemd's: what it would otherwise reset to its own
// defaults when it next looks at the unit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "resources.h"

namespace rcrt::cgroup {

struct UnitProperty {
  std::string name;
  uint64_t number = 0;         // type "t"
  std::vector<uint8_t> bytes;  // type "ay", when it is not empty

  bool operator==(const UnitProperty&) const = default;
};

// Settings that systemd has no property for are left out.
std::vector<UnitProperty> unit_properties(const Settings& settings);

}  // namespace rcrt::cgroup
