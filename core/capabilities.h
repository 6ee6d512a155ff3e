// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>

namespace rcrt {

// The names of all capabilities, in the order of linux/capability.h: CAP_CHOWN is the first.
std::span<const std::string_view> capabilities();

}  // namespace rcrt
