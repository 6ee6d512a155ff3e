// SPDX-License-Identifier: MIT
// What the containers of the machine share: bridges, the table, forwarding.
#pragma once

#include <string>
#include <vector>

#include "plugins/net-bridge/link.h"
#include "plugins/net-bridge/netlink.h"
#include "plugins/net-bridge/state.h"

namespace rcrt::bridge {

// Everything a call works with.
struct Host {
  State state;
  Netlink route;
  Netlink netfilter;
  std::string data_dir;
  std::vector<std::string> warnings;

  static Expected<Host> open(const std::string& state_dir, const std::string& data_dir);
};

struct Ready {
  Network network;
  Link bridge;
};

// Whether the network's bridge stands and the table holds it; asks the kernel twice and
// changes nothing. Needs a lock, shared or not.
Expected<std::optional<Ready>> find_ready(Host& host, const NetworkFiles& files, const Network& wanted);
// Makes what find_ready misses. Needs the exclusive lock.
Expected<Ready> make_ready(Host& host, NetworkFiles& files, const Network& wanted);

// Bridges, forwarding and table as the attachments on disk need them. Exclusive lock.
Status rebuild(Host& host);
// Takes down networks without attachments and, with the last, table and forwarding.
// Exclusive lock.
// A network that a container came to or left within the last `quiet_ms` counts as used.
Status take_down_unused(Host& host, int quiet_ms = 0);

}  // namespace rcrt::bridge
