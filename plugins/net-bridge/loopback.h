// SPDX-License-Identifier: MIT
// Published ports on the host's own 127.0.0.1 and ::1.
#pragma once

#include "plugins/net-bridge/config.h"
#include "plugins/net-bridge/link.h"

namespace rcrt::bridge {

// Whether an answer of a container's can come back to ::1. Not where bridged packets pass through
// the IPv6 rules of the host: it is translated while it is still on the bridge, and a packet to ::1
// that comes out of an interface is dropped.
bool can_answer_on_ipv6_loopback();

// What the attachment's ports need beside their rules. Gone with the bridge.
Status open_loopback(Netlink& route, const Link& bridge, const Attachment& attachment);

}  // namespace rcrt::bridge
