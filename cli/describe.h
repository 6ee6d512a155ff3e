// SPDX-License-Identifier: MIT
// A container and an image in the shape of docker's inspect.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/engine.h"

namespace rcrt::cli {

Json describe(const Container& container, const Paths& paths);
// The image of a name or id.
Result<Json> describe_image(const Engine& engine, const std::string& reference);

// A network, of what its plugin says of it ("status") and of all containers. It is known by its name,
// which stands for an id, too.
Json describe_network(const NetworkChoice& network, const Json& status,
                      const std::vector<Container>& containers);

// Repository and tag for a table, "<none>" where there is none.
std::pair<std::string, std::string> split_name(const std::string& name);

// The names of the networks it is on, or was.
std::vector<std::string> networks_of(const Container& container);
// What is mounted for the user: {"Type","Source","Destination","RW",...}; of a volume its "Name" too.
Json mounts_of(const Container& container);
// Published ports of a running container: "80/tcp" and "0.0.0.0:8080".
std::vector<std::pair<std::string, std::string>> published_ports(const Container& container);
// "0.0.0.0:8080->80/tcp, ..." of a running container's networks; "80/tcp" of what is
// exposed only.
std::string ports_text(const Container& container);
// "Up 3 minutes", "Exited (0) 2 hours ago".
std::string status_text(const Container& container);
// The command as one line.
std::string command_text(const Container& container);

// "80/tcp"
std::string port_key(const Json& port);
// Published ports of a network plugin's result. What is published on every address is there once for
// each family of addresses that the container has, as 0.0.0.0 and as ::
Json ports_of(const Json& result);
// Docker's form of published ports.
Json port_bindings(const Json& ports);
// Exposed ports, "80/tcp", that are no members of `published`.
std::vector<std::string> only_exposed(const Container& container, const Json& published);
// HostConfig: what was asked for, as far as it does not come from the image.
Json describe_host_config(const Container& container);

}  // namespace rcrt::cli
