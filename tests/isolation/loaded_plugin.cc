// SPDX-License-Identifier: MIT
#include "loaded_plugin.h"

#include <fstream>

namespace rcrt::testing {

bool library_is_loaded(const std::string& name) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find(name) != line.npos) return true;
  return false;
}

}  // namespace rcrt::testing
