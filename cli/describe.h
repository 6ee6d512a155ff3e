// SPDX-License-Identifier: MIT
// A container and an image in the shape of docker's inspect.
#pragma once

#include <string>
#include <vector>

#include "core/container.h"
#include "core/image_store.h"

namespace rcrt::cli {

Json describe(const Container& container, const Paths& paths);
Json describe(const Image& image);

// The names of the networks it is on, or was.
std::vector<std::string> networks_of(const Container& container);
// What is mounted for the user: {"Type","Source","Destination","RW",...}; of a volume its "Name" too.
Json mounts_of(const Container& container);
// "0.0.0.0:8080->80/tcp, ..." of a running container's networks; "80/tcp" of what is
// exposed only.
std::string ports_text(const Container& container);
// "Up 3 minutes", "Exited (0) 2 hours ago".
std::string status_text(const Container& container);
// The command as one line.
std::string command_text(const Container& container);

}  // namespace rcrt::cli
