// SPDX-License-Identifier: MIT
// Any bytes as a configuration: an error that names the file, or what a reader that takes
// more would have read.
#include <cstddef>
#include <cstdlib>

#include "core/oci/strict_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto strict = rcrt::oci::parse_strict(text, "config.json");
  if (!strict) {
    if (strict.error().object != "config.json") abort();
    return 0;
  }
  if (!strict->is_object() || *strict != rcrt::Json::parse(text, nullptr, false)) abort();
  return 0;
}
