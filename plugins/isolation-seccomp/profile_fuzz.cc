// SPDX-License-Identifier: MIT
// No profile text makes the parser do anything but answer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "profile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto json = rcrt::sdk::Json::parse(data, data + size, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return 0;
  static const auto target = rcrt::seccomp::target_of({"CAP_SYS_ADMIN"});
  auto profile = rcrt::seccomp::parse_profile(json, target, "$");
  if (!profile && (profile.error().object.empty() || profile.error().hint.empty())) std::abort();
  return 0;
}
