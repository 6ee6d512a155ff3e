// SPDX-License-Identifier: MIT
// The text of our one table. Rules never change; networks and ports are elements.
#pragma once

#include <string>
#include <vector>

#include "plugins/net-bridge/config.h"

namespace rcrt::bridge {

inline constexpr const char* kTable = "rcrt";

// Makes the table anew whether or not it exists, empty of elements, in one transaction
// with whatever follows.
std::string table_commands();
std::string delete_table_command();

// Commands that add ("add") or remove ("delete") what a network puts into the sets.
std::string network_commands(const char* verb, const Network& network);
// The same for the published ports of an attachment; "" when it has none.
std::string port_commands(const char* verb, const Attachment& attachment);
// One command an element, for removing what may be gone in part.
std::vector<std::string> single_port_commands(const char* verb, const Attachment& attachment);

}  // namespace rcrt::bridge
