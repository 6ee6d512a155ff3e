// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace rcrt::cli {

// Asks whether to remove these things; no without a "y".
bool confirmed(const char* what);

}  // namespace rcrt::cli
