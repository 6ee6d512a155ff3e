// SPDX-License-Identifier: MIT
// Words of the command line that have a form of their own.
#include <cstddef>
#include <cstdlib>

#include "core/devices.h"
#include "core/run_options.h"

namespace {

template <typename T>
void answers(const rcrt::Result<T>& result) {
  if (!result && result.error().what.empty()) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  answers(rcrt::parse_size(text));
  answers(rcrt::parse_size(text, true));
  auto ports = rcrt::parse_publish(text);
  answers(ports);
  if (ports)
    for (const auto& port : *ports)
      if (port.container_port == 0) abort();
  for (const auto& mount : {rcrt::parse_volume(text), rcrt::parse_mount(text), rcrt::parse_tmpfs(text)}) {
    answers(mount);
    if (mount && !mount->target.starts_with('/')) abort();
  }
  answers(rcrt::parse_ulimit(text));
  answers(rcrt::parse_id_mapping(text));
  auto signal = rcrt::parse_signal(text);
  answers(signal);
  if (signal && (*signal < 1 || *signal > 64)) abort();
  answers(rcrt::parse_device_rule(text));
  return 0;
}
