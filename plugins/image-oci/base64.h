// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rcrt::image_oci {

std::string base64_encode(std::string_view bytes);
// The padding may be missing; nothing when it is not base64.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace rcrt::image_oci
