// SPDX-License-Identifier: MIT
#include "core/names.h"

namespace rcrt {

Result<void> check_name(const std::string& name, const char* what) {
  static const std::string letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  bool good = !name.empty() && name.size() <= 128 && letters.find(name[0]) != std::string::npos &&
              name.find_first_not_of(letters + "_.-") == std::string::npos;
  if (!good)
    return error(std::string("invalid ") + what, name,
                 "1 to 128 of a-z A-Z 0-9 _ . -, beginning with a letter or digit", EINVAL);
  return {};
}

}  // namespace rcrt
