// SPDX-License-Identifier: MIT
// What a request says, checked, and what is kept of it on disk.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "plugins/net-bridge/address.h"
#include "plugins/net-bridge/netlink.h"

namespace rcrt::bridge {

struct Range {
  Subnet subnet;
  Address gateway;  // the bridge's own address
};

// One network, with everything filled in. Kept as state_dir/<name>/network.json.
struct Network {
  std::string name;
  std::string bridge;  // the link's name
  Range v4, v6;        // either may be absent
  bool internal = false;
  uint32_t mtu = 0;  // 0: the uplink's
  bool operator==(const Network& other) const;

  Json json() const;
  static Expected<Network> from_json(const Json& json);
};

// A network as the request names it: subnets may be missing.
Expected<Network> requested_network(const Json& request);

struct Port {
  std::string protocol;  // tcp, udp, sctp
  std::string host_ip;   // "": every address
  uint16_t host_port = 0;
  uint16_t container_port = 0;
};

// One container on one network. Kept as state_dir/<network>/attachments/<key>.
struct Attachment {
  std::string container, name;
  uint64_t index = 0;
  std::string network;
  std::string interface;
  std::string host_link;  // the veth's end on the host
  Address v4, v6;
  std::vector<Port> ports;
  bool complete = false;  // false: written before addresses and ports were chosen

  std::string key() const { return container + "." + std::to_string(index); }
  Json json() const;
  static Expected<Attachment> from_json(const Json& json);
};

struct Request {
  Attachment attachment;  // container, names, wanted addresses and ports
  Network network;
  std::array<uint8_t, 6> mac{};
  bool has_mac = false;
  std::string state_dir;
  std::string data_dir;
};

Expected<Request> parse_request(const Json& json);

Json ports_json(const std::vector<Port>& ports);
std::string mac_text(const std::array<uint8_t, 6>& mac);
// The same container and index always give the same name; 15 characters, the kernel's limit.
std::string host_link_name(const std::string& container, uint64_t index);
// A locally administered address that follows from the container's own, so that a neighbour
// that still remembers the address is right about it.
std::array<uint8_t, 6> mac_for(const Attachment& attachment);
// The same for a bridge, which containers know by its gateway's address.
std::array<uint8_t, 6> mac_for(const Network& network);

}  // namespace rcrt::bridge
