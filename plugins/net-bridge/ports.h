// SPDX-License-Identifier: MIT
// Who publishes which port of the host.
#pragma once

#include "plugins/net-bridge/state.h"

namespace rcrt::bridge {

// Claims every port of the attachment, choosing where host_port is 0. A port that another
// container publishes, or a process of the host uses, is EADDRINUSE and says whose it is.
Status claim_ports(const State& state, Attachment& attachment);
// Gives them back; an attachment that was not completed is searched for.
Status release_ports(const State& state, const Attachment& attachment);

}  // namespace rcrt::bridge
