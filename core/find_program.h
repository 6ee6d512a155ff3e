// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace rcrt {

// The absolute path of an executable file in one of PATH's absolute folders; empty when there is none.
std::string find_program(const std::string& name);

}  // namespace rcrt
