// SPDX-License-Identifier: MIT
// What a network's configuration leaves open, decided.
#pragma once

#include <vector>

#include "plugins/net-bridge/config.h"
#include "plugins/net-bridge/link.h"

namespace rcrt::bridge {

// Whether a network that exists is what a request asks for.
bool satisfies(const Network& existing, const Network& wanted);

// The first of the default subnets that overlaps none of `taken`.
std::optional<Subnet> free_subnet(const std::vector<Subnet>& taken);

// Subnets that clash with no route of the host and no other network; the uplink's MTU.
Expected<Network> fill_network(Netlink& route, const Network& wanted, const std::vector<Network>& others);

}  // namespace rcrt::bridge
