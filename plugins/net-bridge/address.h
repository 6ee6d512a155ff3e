// SPDX-License-Identifier: MIT
// IPv4 and IPv6 addresses and subnets, as text and as bytes.
#pragma once

#include <sys/socket.h>  // AF_INET, AF_INET6

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rcrt::bridge {

struct Address {
  int family = 0;  // AF_INET, AF_INET6; 0 is "none"
  std::array<uint8_t, 16> bytes{};

  static std::optional<Address> parse(std::string_view text);
  static Address any(int family) { return Address{family, {}}; }
  bool valid() const { return family != 0; }
  size_t size() const;  // bytes in use: 4 or 16
  int bits() const { return static_cast<int>(size()) * 8; }
  bool is_any() const;
  bool is_loopback() const;
  std::string text() const;
  auto operator<=>(const Address&) const = default;
};

struct Subnet {
  Address base;  // host bits zero
  int prefix = 0;

  static std::optional<Subnet> parse(std::string_view text);  // host bits are cleared
  bool valid() const { return base.valid(); }
  bool contains(const Address& address) const;
  bool overlaps(const Subnet& other) const;
  // The address at this offset from the base, and back (low 32 bits of the difference).
  Address at(uint32_t offset) const;
  uint32_t offset_of(const Address& address) const;
  // How many offsets there are, at most 2^31; for IPv4 the last one is the broadcast address.
  uint32_t count() const;
  std::string text() const;
};

}  // namespace rcrt::bridge
