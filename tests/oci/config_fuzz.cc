// SPDX-License-Identifier: MIT
// Any bytes as a bundle's config.json, through all that reads it before anything is made.
#include <cstddef>
#include <cstdlib>

#include "core/oci/bundle.h"
#include "core/oci/hooks.h"
#include "core/oci/intel_rdt.h"
#include "core/oci/isolation.h"
#include "core/oci/net_devices.h"
#include "core/oci/seccomp_agent.h"
#include "core/oci/strict_json.h"
#include "core/plan_builder.h"

namespace {

// Each reader gives what it found or an error that says what it is about.
template <typename T>
bool good(const rcrt::Result<T>& result) {
  if (!result && result.error().what.empty()) abort();
  return result.has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rcrt;
  auto config = oci::parse_strict({reinterpret_cast<const char*>(data), size}, "config.json");
  std::string rootfs;
  if (!good(config) || !good(oci::normalise(*config, "/bundle", rootfs))) return 0;
  if (rootfs.empty() || rootfs[0] != '/') abort();
  good(oci::check_hooks(*config));
  good(oci::read_net_devices(*config));
  good(oci::seccomp_agent(*config));
  good(oci::read_intel_rdt(*config, "id", "/sys/fs/resctrl"));
  auto draft = build_plan(*config);
  if (!good(draft)) return 0;
  if (write_plan(*draft, {}).empty()) abort();
  (void)oci::isolation_of(*config, "id", {}, {});
  return 0;
}
