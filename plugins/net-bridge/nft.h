// SPDX-License-Identifier: MIT
// nftables: libnftables, loaded when a transaction is due (loading costs more than the
// rest of an attach), and two cheap questions answered over plain netlink.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugins/net-bridge/netlink.h"

namespace rcrt::bridge {

struct Table {
  std::string family, name;  // "inet", "rcrt"
  uint64_t handle = 0;
  bool operator==(const Table&) const = default;
};

class Nft {
 public:
  enum class Format { text, json };

  static Expected<Nft> load();
  Nft(Nft&& other) noexcept;
  Nft& operator=(Nft&&) = delete;
  ~Nft();

  // All commands in one transaction. The Failure's hint is nft's first line of complaint.
  Status run(const std::string& commands);
  // As run, but the kernel only checks.
  Status check(const std::string& commands);
  // "list ruleset".
  Expected<std::string> list(Format format);

 private:
  Nft() = default;
  void* context_ = nullptr;
};

// The handle of table inet rcrt; empty when it does not exist.
Expected<std::optional<uint64_t>> table_handle(Netlink& netfilter);
// Whether table bridge rcrt exists. Not where the kernel has no nftables for bridges.
bool has_bridge_table(Netlink& netfilter);
Expected<std::vector<Table>> all_tables(Netlink& netfilter);
// A number that changes with every transaction on the machine.
Expected<uint32_t> generation(Netlink& netfilter);

}  // namespace rcrt::bridge
