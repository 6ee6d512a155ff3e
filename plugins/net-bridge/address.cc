// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace rcrt::bridge {

std::optional<Address> Address::parse(std::string_view text) {
  std::string copy(text);
  Address address;
  address.family = copy.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (copy.size() != text.size() || inet_pton(address.family, copy.c_str(), address.bytes.data()) != 1)
    return std::nullopt;
  return address;
}

size_t Address::size() const { return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0; }

bool Address::is_any() const {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; });
}

bool Address::is_loopback() const {
  return family == AF_INET ? bytes[0] == 127 : *this == Address::parse("::1");
}

std::string Address::text() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (valid()) inet_ntop(family, bytes.data(), buffer, sizeof buffer);
  return buffer;
}

namespace {

bool same_bits(const Address& a, const Address& b, int count) {
  if (a.family != b.family) return false;
  for (int i = 0; count > 0; ++i, count -= 8) {
    int mask = count >= 8 ? 0xff : 0xff << (8 - count) & 0xff;
    if ((a.bytes[i] ^ b.bytes[i]) & mask) return false;
  }
  return true;
}

}  // namespace

std::optional<Subnet> Subnet::parse(std::string_view text) {
  size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto address = Address::parse(text.substr(0, slash));
  std::string_view number = text.substr(slash + 1);
  int prefix = -1;
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), prefix);
  if (!address || error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  if (prefix < 0 || prefix > address->bits()) return std::nullopt;
  for (int bit = prefix; bit < address->bits(); ++bit)
    address->bytes[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
  return Subnet{*address, prefix};
}

bool Subnet::contains(const Address& address) const { return same_bits(base, address, prefix); }

bool Subnet::overlaps(const Subnet& other) const {
  return same_bits(base, other.base, std::min(prefix, other.prefix));
}

Address Subnet::at(uint32_t offset) const {
  Address result = base;
  size_t last = result.size();
  for (int i = 0; i < 4; ++i) result.bytes[last - 1 - i] |= static_cast<uint8_t>(offset >> 8 * i);
  return result;
}

uint32_t Subnet::offset_of(const Address& address) const {
  uint32_t offset = 0;
  size_t last = address.size();
  for (int i = 3; i >= 0; --i)
    offset = offset << 8 | static_cast<uint8_t>(address.bytes[last - 1 - i] ^ base.bytes[last - 1 - i]);
  return offset;
}

uint32_t Subnet::count() const {
  int host = base.bits() - prefix;
  return host >= 31 ? 1U << 31 : 1U << host;
}

std::string Subnet::text() const { return base.text() + "/" + std::to_string(prefix); }

}  // namespace rcrt::bridge
