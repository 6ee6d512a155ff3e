// SPDX-License-Identifier: MIT
// What others wrote and we read: nft's JSON listing, a saved ruleset, /proc/net tables.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "plugins/net-bridge/backup.h"
#include "plugins/net-bridge/forward_rules.h"
#include "plugins/net-bridge/socket_owner.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rcrt::bridge;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)bound_inodes(text, 80);
  (void)losses(text, {{"ip", "filter", 1}});
  (void)restore_commands(text, {{"ip", "filter", 1}});
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return 0;
  Network network;
  network.bridge = "rcrt0";
  network.v4.subnet = *Subnet::parse("10.89.0.0/16");
  (void)forward_drops(json, {network});
  return 0;
}
