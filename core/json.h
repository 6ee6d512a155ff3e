// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>

namespace rcrt {
using Json = nlohmann::json;
}  // namespace rcrt
