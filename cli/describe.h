// SPDX-License-Identifier: MIT
// A container and an image in the shape of docker's inspect.
#pragma once

#include "core/container.h"
#include "core/image_store.h"

namespace rcrt::cli {

Json describe(const Container& container, const Paths& paths);
Json describe(const Image& image);

// "0.0.0.0:8080->80/tcp, ..." of a running container's networks.
std::string ports_text(const Container& container);
// "Up 3 minutes", "Exited (0) 2 hours ago".
std::string status_text(const Container& container);
// The command as one line.
std::string command_text(const Container& container);

}  // namespace rcrt::cli
