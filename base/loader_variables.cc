// SPDX-License-Identifier: MIT
#include "base/loader_variables.h"

#include <unistd.h>

#include <string_view>
#include <vector>

namespace rcrt {

Result<void> drop_loader_variables(char** argv) {
  if (geteuid() != 0) return {};
  std::vector<char*> kept;
  bool found = false;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::string_view(*entry).starts_with("LD_"))
      found = true;
    else
      kept.push_back(*entry);
  }
  if (!found) return {};
  kept.push_back(nullptr);
  execve("/proc/self/exe", argv, kept.data());
  return errno_error("cannot start again without the loader's variables (LD_...)");
}

}  // namespace rcrt
