// SPDX-License-Identifier: MIT
// One container and one network: attach and its inverse.
#pragma once

#include "plugins/net-bridge/config.h"
#include "plugins/net-bridge/shared.h"

namespace rcrt::bridge {

// Connects the namespace and gives the result of network.h. Undoes itself on failure.
Expected<Json> connect(Host& host, const Request& request, int netns);

enum class Namespace { gone, alive };
// Idempotent; needs only what names the attachment. With the namespace gone its link goes
// with it, and nothing waits for that.
Status disconnect(Host& host, const Attachment& named, Namespace state);

}  // namespace rcrt::bridge
