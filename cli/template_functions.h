// SPDX-License-Identifier: MIT
// Functions that templates can call.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "core/json.h"

namespace rcrt::cli {

// As Go prints it: text bare, a list as "[a b]", an object as "map[key:value]".
std::string template_text(const Json& value);
// Not false, 0, empty or nothing.
bool template_truth(const Json& value);

Result<Json> call_template_function(const std::string& name, const std::vector<Json>& arguments);

}  // namespace rcrt::cli
