// SPDX-License-Identifier: MIT
#include "cli/confirm.h"

#include <unistd.h>

#include <iostream>

namespace rcrt::cli {

bool confirmed(const char* what) {
  fprintf(stderr, "This removes %s. Go on? [y/N] ", what);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace rcrt::cli
