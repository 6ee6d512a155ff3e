// SPDX-License-Identifier: MIT
// SHA-256 (FIPS 180-4) of a short text: names cache files. A crypto library would cost
// more to load than all the rest of a cache hit.
#pragma once

#include <string>
#include <string_view>

namespace rcrt::seccomp {

std::string sha256_hex(std::string_view data);

}  // namespace rcrt::seccomp
