// SPDX-License-Identifier: MIT
// The text of our tables: inet rcrt, where networks and ports are elements and rules never
// change; and bridge rcrt, which keeps containers' IPv6 chatter from each other and which not
// every kernel can have.
#pragma once

#include <string>
#include <vector>

#include "plugins/net-bridge/config.h"
#include "plugins/net-bridge/nft.h"

namespace rcrt::bridge {

inline constexpr const char* kTable = "rcrt";
bool is_ours(const Table& table);

// Makes the table, anew if it is there, empty of elements, in one transaction with whatever follows.
// `ipv6_loopback`: published ports answer on ::1.
std::string table_commands(bool there, bool ipv6_loopback);
std::string delete_table_command();
// The same of table bridge rcrt; it is deleted whether or not it exists.
std::string quiet_commands(bool there);
std::string delete_quiet_commands();

// Commands that add ("add") or remove ("delete") what a network puts into the sets.
std::string network_commands(const char* verb, const Network& network);
// The same for the published ports of an attachment; "" when it has none.
std::string port_commands(const char* verb, const Attachment& attachment);
// One command an element, for removing what may be gone in part.
std::vector<std::string> single_port_commands(const char* verb, const Attachment& attachment);

}  // namespace rcrt::bridge
