// SPDX-License-Identifier: MIT
// Ports, names and addresses as flags.
#include <arpa/inet.h>

#include "cli/run_flags.h"

namespace rcrt::cli {
namespace {

bool is_address(int family, const std::string& text) {
  in6_addr bytes;
  return inet_pton(family, text.c_str(), &bytes) == 1;
}

// "fe80::1%eth0" too, as a resolver takes it.
bool is_address(const std::string& text) {
  return is_address(AF_INET, text) || is_address(AF_INET6, text.substr(0, text.find('%')));
}

bool is_mac(const std::string& text) {
  constexpr size_t kSize = sizeof "02:00:00:00:00:01" - 1;
  if (text.size() != kSize) return false;
  for (size_t i = 0; i < kSize; ++i)
    if (i % 3 == 2 ? text[i] != ':' : isxdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  return true;
}

}  // namespace

Result<void> network_flags(const CommandLine& line, RunOptions& options) {
  for (const auto& text : line.list("publish")) {
    RCRT_ASSIGN(auto ports, parse_publish(text));
    options.ports.insert(options.ports.end(), ports.begin(), ports.end());
  }
  for (const auto& text : line.list("expose")) {
    RCRT_ASSIGN(auto ports, parse_expose(text));
    options.exposed.insert(options.exposed.end(), ports.begin(), ports.end());
  }
  options.publish_all = line.flag("publish-all");
  options.add_host = line.list("add-host");
  for (auto& entry : options.add_host) {
    auto separator = entry.find_first_of(":=");
    if (separator == 0 || separator == std::string::npos)
      return error("invalid --add-host", entry, "write it as NAME:ADDRESS", EINVAL);
    entry[separator] = ':';
    if (entry.find_first_of("\n\t ") != std::string::npos)
      return error("invalid --add-host", entry, "no white space in it", EINVAL);
    std::string address = entry.substr(separator + 1);
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
    if (address != "host-gateway" && !is_address(address))
      return error("invalid --add-host", entry, "the address is IPv4, IPv6 or host-gateway", EINVAL);
    entry.replace(separator + 1, std::string::npos, address);
  }
  options.dns = line.list("dns");
  options.dns_search = line.list("dns-search");
  options.dns_options = line.list("dns-option");
  for (const auto* list : {&options.dns, &options.dns_search, &options.dns_options})
    for (const auto& word : *list)
      if (word.find_first_of("\n\t ") != std::string::npos)
        return error("invalid DNS setting", word, "no white space in it", EINVAL);
  for (const auto& server : options.dns)
    if (!is_address(server)) return error("invalid --dns", server, "give a name server's address", EINVAL);
  options.ip = line.text("ip");
  options.ip6 = line.text("ip6");
  options.mac = line.text("mac-address");
  if (!options.ip.empty() && !is_address(AF_INET, options.ip))
    return error("invalid --ip", options.ip, "give an IPv4 address", EINVAL);
  if (!options.ip6.empty() && !is_address(AF_INET6, options.ip6))
    return error("invalid --ip6", options.ip6, "give an IPv6 address", EINVAL);
  if (!options.mac.empty() && !is_mac(options.mac))
    return error("invalid --mac-address", options.mac, "write it as 02:00:00:00:00:01", EINVAL);
  return {};
}

}  // namespace rcrt::cli
