// SPDX-License-Identifier: MIT
#include "core/find_program.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/words.h"

namespace rcrt {

std::string find_program(const std::string& name) {
  const char* path = getenv("PATH");
  for (const auto& folder : words_of(path == nullptr ? "/usr/sbin:/usr/bin:/sbin:/bin" : path, ":")) {
    std::string found = folder + "/" + name;
    struct stat status;
    if (folder.starts_with("/") && stat(found.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        access(found.c_str(), X_OK) == 0)
      return found;
  }
  return {};
}

}  // namespace rcrt
