// SPDX-License-Identifier: MIT
// JSON from outside, read strictly: an error names the member it is at; nothing is given
// twice, nested too deep, or larger than anybody needs.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "core/json.h"

namespace rcrt::oci {

inline constexpr size_t kMaxJson = 16 << 20;
inline constexpr size_t kMaxJsonDepth = 128;

// `name` is the file, for errors. The document must be an object.
Result<Json> parse_strict(std::string_view text, const std::string& name);

}  // namespace rcrt::oci
