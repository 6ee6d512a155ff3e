// SPDX-License-Identifier: MIT
// An engine's AF_UNIX sockets: what we connect to, and hand descriptors over.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt::oci {

// Connects a socket of `type` to `path`; "@name" is an abstract one. `what` is how errors call it.
Result<UniqueFd> connect_socket(const std::string& path, const std::string& what, int type);
// As send(2), and with it a descriptor, unless that is -1.
ssize_t send_with_descriptor(int socket, std::string_view text, int fd);

// Connects to the SOCK_STREAM socket `path`, sends `text` and with it the descriptor, and closes.
// `what` is how errors call it: "the console socket".
Result<void> send_descriptor(const std::string& path, const std::string& what, std::string_view text, int fd);

}  // namespace rcrt::oci
