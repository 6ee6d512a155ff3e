// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/config.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <cstdio>

#include "base/result.h"

namespace rcrt::bridge {
namespace {

constexpr const char* kDefaultNetwork = "bridge";

uint64_t hash(std::string_view text) {
  uint64_t value = 0xcbf29ce484222325ULL;  // FNV-1a, then mixed so that every bit counts
  for (unsigned char c : text) value = (value ^ c) * 0x100000001b3ULL;
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  return value ^ value >> 29;
}

std::string text_of(const Json& json, const char* member, std::string otherwise = {}) {
  auto it = json.find(member);
  return it == json.end() || it->is_null() ? otherwise : it->get<std::string>();
}

uint64_t number_of(const Json& json, const char* member, uint64_t most) {
  auto it = json.find(member);
  if (it == json.end() || it->is_null()) return 0;
  if (!it->is_number_integer() ||
      (it->is_number_integer() && !it->is_number_unsigned() && it->get<int64_t>() < 0))
    return most + 1;
  return it->get<uint64_t>();
}

// A name that becomes a file name below state_dir.
bool good_name(std::string_view name) {
  if (name.empty() || name.size() > 128 || name[0] == '.' || name[0] == '-') return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-' || c == '.';
  });
}

// As the kernel has it (dev_valid_name), and without what nft would have to quote.
bool good_link(std::string_view name) { return good_name(name) && name.size() < IFNAMSIZ; }

Expected<Address> address_member(const Json& json, const char* member, int family) {
  std::string text = text_of(json, member);
  if (text.empty()) return Address{};
  auto address = Address::parse(text);
  if (!address || address->family != family)
    return sdk::fail(EINVAL, std::string("not an ") + (family == AF_INET ? "IPv4" : "IPv6") + " address",
                     text);
  return *address;
}

Expected<Range> range_of(const Json& json) {
  std::string text = text_of(json, "subnet");
  auto subnet = Subnet::parse(text);
  if (!subnet) return sdk::fail(EINVAL, "not a subnet", text, "write it as 10.89.0.0/24 or fd00:89::/64");
  int host_bits = subnet->base.bits() - subnet->prefix;
  if (host_bits < 2 || subnet->prefix < 1)
    return sdk::fail(EINVAL, "subnet too small or too large for a bridge", text,
                     "use /8 to /30, or /64 for IPv6");
  Range range{*subnet, subnet->at(1)};
  std::string gateway = text_of(json, "gateway");
  if (!gateway.empty()) {
    auto address = Address::parse(gateway);
    if (!address || !subnet->contains(*address))
      return sdk::fail(EINVAL, "gateway is not an address of the subnet " + text, gateway);
    range.gateway = *address;
  }
  return range;
}

Expected<Port> port_of(const Json& json) {
  Port port;
  port.protocol = text_of(json, "protocol", "tcp");
  port.host_ip = text_of(json, "host_ip");
  uint64_t host = number_of(json, "host_port", 65535);
  uint64_t container = number_of(json, "container_port", 65535);
  if (port.protocol != "tcp" && port.protocol != "udp" && port.protocol != "sctp")
    return sdk::fail(EINVAL, "unknown protocol of a published port", port.protocol, "use tcp, udp or sctp");
  if (host > 65535 || container > 65535 || container == 0)
    return sdk::fail(EINVAL, "a published port is out of range", json.dump(), "ports are 1 to 65535");
  if (!port.host_ip.empty()) {
    auto address = Address::parse(port.host_ip);
    if (!address) return sdk::fail(EINVAL, "cannot publish a port: not an address", port.host_ip);
    port.host_ip = address->text();
  }
  port.host_port = static_cast<uint16_t>(host);
  port.container_port = static_cast<uint16_t>(container);
  return port;
}

Json range_json(const Range& range) {
  return {{"subnet", range.subnet.text()}, {"gateway", range.gateway.text()}};
}

}  // namespace

bool Network::operator==(const Network& other) const { return json() == other.json(); }

Json Network::json() const {
  Json subnets = Json::array();
  for (const Range* range : {&v4, &v6})
    if (range->subnet.valid()) subnets.push_back(range_json(*range));
  return {{"name", name}, {"bridge", bridge}, {"subnets", subnets}, {"internal", internal}, {"mtu", mtu}};
}

Expected<Network> Network::from_json(const Json& json) {
  Network network;
  network.name = text_of(json, "name", kDefaultNetwork);
  if (!good_name(network.name)) return sdk::fail(EINVAL, "not a network's name", network.name);
  network.bridge = text_of(json, "bridge");
  network.internal = json.value("internal", false);
  network.mtu = static_cast<uint32_t>(number_of(json, "mtu", 65535));
  if (network.mtu != 0 && (network.mtu < 68 || network.mtu > 65535))
    return sdk::fail(EINVAL, "MTU out of range for the network", network.name, "use 1280 to 65535");
  for (const Json& entry : json.value("subnets", Json::array())) {
    RCRT_ASSIGN(Range range, range_of(entry));
    Range& target = range.subnet.base.family == AF_INET ? network.v4 : network.v6;
    if (target.subnet.valid())
      return sdk::fail(ENOTSUP, "more than one subnet of a family on the network", network.name,
                       "give one IPv4 and one IPv6 subnet");
    target = range;
  }
  // The link's name: what the options say, rcrt0 for the default network, else derived.
  if (auto options = json.find("options");
      network.bridge.empty() && options != json.end() && options->is_object())
    network.bridge = text_of(*options, "bridge");
  if (network.bridge.empty()) {
    char name[IFNAMSIZ] = "rcrt0";
    if (network.name != kDefaultNetwork)
      std::snprintf(name, sizeof name, "rb%013llx",
                    static_cast<unsigned long long>(hash(network.name) >> 12));
    network.bridge = name;
  }
  if (!good_link(network.bridge)) return sdk::fail(EINVAL, "not a name for a bridge", network.bridge);
  return network;
}

Expected<Network> requested_network(const Json& request) {
  auto it = request.find("network");
  return Network::from_json(it == request.end() || it->is_null() ? Json::object() : *it);
}

Json ports_json(const std::vector<Port>& ports) {
  Json list = Json::array();
  for (const Port& port : ports)
    list.push_back({{"host_ip", port.host_ip},
                    {"host_port", port.host_port},
                    {"container_port", port.container_port},
                    {"protocol", port.protocol}});
  return list;
}

Json Attachment::json() const {
  return {{"container", container},    {"name", name},           {"index", index},
          {"network", network},        {"interface", interface}, {"host_link", host_link},
          {"ip", v4.text()},           {"ip6", v6.text()},       {"complete", complete},
          {"ports", ports_json(ports)}};
}

Expected<Attachment> Attachment::from_json(const Json& json) {
  Attachment attachment;
  attachment.container = text_of(json, "container");
  attachment.name = text_of(json, "name");
  attachment.index = number_of(json, "index", 255);
  attachment.network = text_of(json, "network");
  attachment.interface = text_of(json, "interface", "eth" + std::to_string(attachment.index));
  if (!good_name(attachment.container))
    return sdk::fail(EINVAL, "not a container's id", attachment.container);
  if (attachment.index > 255) return sdk::fail(EINVAL, "a container can be on at most 256 networks");
  if (!good_link(attachment.interface))
    return sdk::fail(EINVAL, "not a name for an interface", attachment.interface);
  attachment.host_link = host_link_name(attachment.container, attachment.index);
  RCRT_ASSIGN(attachment.v4, address_member(json, "ip", AF_INET));
  RCRT_ASSIGN(attachment.v6, address_member(json, "ip6", AF_INET6));
  attachment.complete = json.value("complete", false);
  auto ports = json.find("ports");
  if (ports != json.end() && !ports->is_null())
    for (const Json& entry : *ports) {
      RCRT_ASSIGN(Port port, port_of(entry));
      attachment.ports.push_back(std::move(port));
    }
  return attachment;
}

Expected<Request> parse_request(const Json& json) {
  Request request;
  RCRT_ASSIGN(request.network, requested_network(json));
  Json own = json;  // "network" is an object in a request, a name on disk
  own["network"] = request.network.name;
  own["complete"] = false;
  RCRT_ASSIGN(request.attachment, Attachment::from_json(own));
  request.state_dir = text_of(json, "state_dir");
  request.data_dir = text_of(json, "data_dir");
  if (request.state_dir.empty()) return sdk::fail(EINVAL, "request not understood: no state_dir");
  if (std::string mac = text_of(json, "mac"); !mac.empty()) {
    auto& m = request.mac;
    char rest = 0;
    if (std::sscanf(mac.c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &m[0], &m[1], &m[2], &m[3], &m[4],
                    &m[5], &rest) != 6 ||
        (m[0] & 1) != 0)
      return sdk::fail(EINVAL, "not a unicast MAC address", mac, "write it as 02:00:00:00:00:01");
    request.has_mac = true;
  }
  return request;
}

std::string mac_text(const std::array<uint8_t, 6>& m) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
  return text;
}

std::string host_link_name(const std::string& container, uint64_t index) {
  char name[IFNAMSIZ];
  std::snprintf(name, sizeof name, "rv%013llx",
                static_cast<unsigned long long>(hash(container + "." + std::to_string(index)) >> 12));
  return name;
}

namespace {

std::array<uint8_t, 6> mac_from(const Address& v4, const std::string& otherwise) {
  const auto& a = v4.bytes;
  if (v4.valid()) return {0x02, 0x72, a[0], a[1], a[2], a[3]};
  uint64_t value = hash(otherwise);
  return {0x06,
          0x72,
          static_cast<uint8_t>(value >> 24),
          static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 8),
          static_cast<uint8_t>(value)};
}

}  // namespace

std::array<uint8_t, 6> mac_for(const Attachment& attachment) {
  return mac_from(attachment.v4, attachment.key());
}

std::array<uint8_t, 6> mac_for(const Network& network) {
  return mac_from(network.v4.gateway, network.bridge);
}

}  // namespace rcrt::bridge
