// SPDX-License-Identifier: MIT
// Forwarding: switched on for containers and given back as it was.
//
// Writing ip_forward or all/forwarding changes every interface's own switch, and more:
// IPv4 resets all/accept_redirects, IPv6 makes the host ignore router advertisements.
// So every value that moves is saved first, and an interface that lives on router
// advertisements keeps accepting them (accept_ra 2).
#pragma once

#include "plugins/net-bridge/state.h"

namespace rcrt::bridge {

bool have_ipv6();  // the kernel has it and it is not disabled on every interface

// One value below /proc/sys/net of the calling thread's network namespace.
Expected<std::string> read_sysctl(const std::string& name);
Status write_sysctl(const std::string& name, std::string_view value);

Status enable_forwarding(const State& state, bool ipv6);
// Values somebody else changed meanwhile are left alone.
Status restore_forwarding(const State& state);

// A new bridge must not listen to its containers' router advertisements.
Status protect_bridge(const std::string& bridge);
// Connections from 127.0.0.1 to a published port leave through the bridge.
Status allow_local_routing(const std::string& bridge);

}  // namespace rcrt::bridge
