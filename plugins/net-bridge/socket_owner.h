// SPDX-License-Identifier: MIT
// Which process has a port of the host: for an error message only, slow.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rcrt::bridge {

// Inodes of the sockets bound to a local port, from the text of /proc/net/tcp, udp, tcp6, udp6.
std::vector<uint64_t> bound_inodes(std::string_view table, uint16_t port);

// "nginx (process 812)", or "" when it cannot be found out.
std::string socket_owner(const std::string& protocol, uint16_t port);

}  // namespace rcrt::bridge
