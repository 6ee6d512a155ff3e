// SPDX-License-Identifier: MIT
// Ports that are published or exposed.
#include <algorithm>

#include "cli/describe.h"

namespace rcrt::cli {
namespace {

bool has_address(const Json& result, bool six) {
  const Json addresses = result.value("addresses", Json::array());
  return std::ranges::any_of(addresses, [six](const Json& address) {
    return (address.value("address", "").find(':') != std::string::npos) == six;
  });
}

}  // namespace

std::string port_key(const Json& port) {
  return std::to_string(port.value("container_port", 0)) + "/" + port.value("protocol", "tcp");
}

Json ports_of(const Json& result) {
  Json list = Json::array();
  for (const Json& port : result.value("ports", Json::array())) {
    list.push_back(port);
    if (!port.value("host_ip", "").empty()) continue;
    const bool six = has_address(result, true), four = has_address(result, false) || !six;
    list.back()["host_ip"] = four ? "0.0.0.0" : "::";
    if (!four || !six) continue;
    list.push_back(port);
    list.back()["host_ip"] = "::";
  }
  return list;
}

Json port_bindings(const Json& ports) {
  Json map = Json::object();
  for (const auto& port : ports)
    map[port_key(port)].push_back(
        {{"HostIp", port.value("host_ip", "")}, {"HostPort", std::to_string(port.value("host_port", 0))}});
  return map;
}

std::vector<std::string> only_exposed(const Container& container, const Json& published) {
  auto ports = container.config.value("exposed", std::vector<std::string>());
  std::erase_if(ports, [&](const std::string& port) { return published.contains(port); });
  return ports;
}

std::vector<std::pair<std::string, std::string>> published_ports(const Container& container) {
  std::vector<std::pair<std::string, std::string>> ports;
  for (const auto& attached : container.state.value("networks", Json::array()))
    for (const auto& port : ports_of(attached["result"])) {
      std::string ip = port.value("host_ip", "");
      if (ip.find(':') != std::string::npos) ip = "[" + ip + "]";
      ports.emplace_back(port_key(port), ip + ":" + std::to_string(port.value("host_port", 0)));
    }
  return ports;
}

std::string ports_text(const Container& container) {
  std::string text;
  Json published = Json::object();
  for (const auto& [port, outside] : published_ports(container)) {
    text += (text.empty() ? "" : ", ") + outside + "->" + port;
    published[port] = true;
  }
  if (container.status == Status::running)
    for (const auto& port : only_exposed(container, published)) text += (text.empty() ? "" : ", ") + port;
  return text;
}

}  // namespace rcrt::cli
