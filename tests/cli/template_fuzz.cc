// SPDX-License-Identifier: MIT
// Any bytes as a template: a text or an error.
#include <cstddef>
#include <cstdlib>

#include "cli/template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const rcrt::Json container = rcrt::Json::parse(R"({
      "Name": "n", "State": {"Running": true, "Pid": 7}, "Labels": {"a": "b"}, "Null": null,
      "List": [1, "two", {"Three": 3}], "Ports": {"80/tcp": [{"HostPort": "8080"}]}})");
  auto text = rcrt::cli::apply_template({reinterpret_cast<const char*>(data), size}, container);
  if (!text && text.error().what.empty()) abort();
  return 0;
}
