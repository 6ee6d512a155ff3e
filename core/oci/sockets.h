// SPDX-License-Identifier: MIT
// An engine's AF_UNIX sockets: what we connect to, and hand descriptors over.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace rcrt::oci {

// Connects to the SOCK_STREAM socket `path`, sends `text` and with it the descriptor, and closes.
// `what` is how errors call it: "the console socket".
Result<void> send_descriptor(const std::string& path, const std::string& what, std::string_view text, int fd);

}  // namespace rcrt::oci
