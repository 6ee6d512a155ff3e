// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "core/json.h"

namespace rcrt {

// Puts NAME=VALUE into a list of variables, over what there is of that name. The list is an
// image-spec "Env" or a runtime-spec "env"; one that is absent is made.
void set_variable(Json& env, const std::string& variable);

}  // namespace rcrt
