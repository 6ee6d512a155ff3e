// SPDX-License-Identifier: MIT
// What a test must leave as it found it: links, addresses, routes, firewall, forwarding,
// mounts, cgroups, in the calling process's namespaces.
#pragma once

#include <map>
#include <string>

namespace rcrt::test {

// The output of an observer's command (ip, nft: tests only), both streams.
std::string observe(const std::string& command);

class HostState {
 public:
  static HostState take();
  // Lines that came (+) and went (-), by section; "" when nothing changed.
  std::string diff(const HostState& later) const;

 private:
  std::map<std::string, std::string> sections_;
};

}  // namespace rcrt::test
