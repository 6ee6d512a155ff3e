// SPDX-License-Identifier: MIT
// A network in the shape of docker's `network inspect`, with what rcrt knows beside it.
#include "cli/describe.h"

namespace rcrt::cli {
namespace {

// A member that is an array; of anything else an empty one.
Json list_of(const Json& object, const char* member) {
  auto it = object.find(member);
  return it != object.end() && it->is_array() ? *it : Json::array();
}

// What the plugin says of the network while containers are on it, else what its configuration says.
Json facts_of(const NetworkChoice& network, const Json& status) {
  for (const Json& entry : list_of(status, "networks"))
    if (entry.is_object() && entry.value("name", "") == network.name) return entry;
  return network.config;
}

Json ipam_config(const Json& facts) {
  Json list = Json::array();
  for (const Json& subnet : list_of(facts, "subnets")) {
    list.push_back({{"Subnet", subnet.value("subnet", "")}});
    if (const std::string gateway = subnet.value("gateway", ""); !gateway.empty())
      list.back()["Gateway"] = gateway;
  }
  return list;
}

bool has_family(const Json& ipam, bool six) {
  for (const Json& entry : ipam)
    if ((entry.value("Subnet", "").find(':') != std::string::npos) == six) return true;
  return false;
}

Json options_of(const Json& config) {
  auto it = config.find("options");
  return it != config.end() && it->is_object() ? *it : Json::object();
}

Json member_of(const Container& container, const Json& result) {
  Json member = {{"Name", container.name()}, {"EndpointID", ""},  {"MacAddress", ""},
                 {"IPv4Address", ""},        {"IPv6Address", ""}, {"Result", result}};
  for (const Json& interface : list_of(result, "interfaces"))
    member["MacAddress"] = interface.value("mac", "");
  for (const Json& entry : list_of(result, "addresses")) {
    const std::string address = entry.value("address", "");
    member[address.find(':') == std::string::npos ? "IPv4Address" : "IPv6Address"] = address;
  }
  return member;
}

}  // namespace

Json describe_network(const NetworkChoice& network, const Json& status,
                      const std::vector<Container>& containers) {
  const Json facts = facts_of(network, status), ipam = ipam_config(facts);
  Json members = Json::object();
  for (const Container& container : containers)
    for (const auto& attached : list_of(container.state, "networks"))
      if (attached.value("name", "") == network.name)
        members[container.id] = member_of(container, attached["result"]);
  return {{"Name", network.name},
          {"Id", network.name},
          {"Scope", "local"},
          {"Driver", network.plugin},
          {"EnableIPv4", has_family(ipam, false)},
          {"EnableIPv6", has_family(ipam, true)},
          {"IPAM", {{"Driver", "default"}, {"Options", Json::object()}, {"Config", ipam}}},
          {"Internal", facts.value("internal", false)},
          {"Containers", members},
          {"Options", options_of(network.config)},
          {"Labels", Json::object()},
          {"Config", network.config},
          {"Status", status}};
}

}  // namespace rcrt::cli
