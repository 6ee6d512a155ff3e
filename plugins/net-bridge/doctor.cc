// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/doctor.h"

#include "base/result.h"
#include "plugins/net-bridge/forward_rules.h"
#include "plugins/net-bridge/nft.h"
#include "plugins/net-bridge/sysctl.h"

namespace rcrt::bridge {
namespace {

void examine_forwarding(std::vector<Finding>& findings, const char* name, const std::string& path,
                        bool in_use) {
  auto value = read_sysctl(path);
  if (!value) {
    findings.push_back(
        {false, std::string("no ") + name + " in this kernel", "containers have no addresses of it"});
  } else if (*value == "0" && in_use) {
    findings.push_back({false, std::string(name) + " forwarding was switched off while containers run",
                        "rcrt network reload"});
  } else {
    findings.push_back({true,
                        std::string(name) + " forwarding is " +
                            (*value == "0" ? "off, and is switched on while containers run" : "on"),
                        ""});
  }
}

void examine_rules(std::vector<Finding>& findings, Nft& nft, const std::vector<Network>& networks) {
  auto text = nft.list(Nft::Format::json);
  if (!text) {
    findings.push_back({false, text.error().what + ": " + text.error().object, text.error().hint});
    return;
  }
  Json ruleset = Json::parse(*text, nullptr, false);
  if (ruleset.is_discarded()) {
    findings.push_back({false, "nftables' own listing cannot be read", "look through: nft list ruleset"});
    return;
  }
  auto drops = forward_drops(ruleset, networks);
  for (const Drop& drop : drops)
    findings.push_back({false,
                        "forwarded packets of containers are dropped by " + drop.where + ": " + drop.rule,
                        "accept traffic of the interface " + networks[0].bridge + " there"});
  if (drops.empty()) findings.push_back({true, "no other table drops containers' forwarded packets", ""});
}

}  // namespace

Expected<std::vector<Finding>> examine(Host& host) {
  std::vector<Finding> findings;
  std::vector<Network> networks;
  bool in_use = false;
  RCRT_ASSIGN(auto names, host.state.networks());
  for (const std::string& name : names) {
    RCRT_ASSIGN(auto files, host.state.find_network(name));
    if (!files) continue;
    RCRT_ASSIGN(auto network, files->network());
    if (!network) continue;
    RCRT_ASSIGN(auto keys, files->attachments());
    in_use |= !keys.empty() && !network->internal;
    networks.push_back(std::move(*network));
  }
  if (networks.empty()) {
    RCRT_ASSIGN(Network usual, Network::from_json(Json::object()));
    usual.v4.subnet = *Subnet::parse("10.89.0.0/16");
    networks.push_back(usual);
  }

  auto handle = table_handle(host.netfilter);
  if (!handle)
    findings.push_back({false, handle.error().what, handle.error().hint});
  else if (in_use && !*handle)
    findings.push_back(
        {false, "containers run, and somebody removed nftables' table inet rcrt", "rcrt network reload"});
  else
    findings.push_back({true, *handle ? "nftables' table inet rcrt is in place" : "nftables works", ""});

  examine_forwarding(findings, "IPv4", "ipv4/ip_forward", in_use);
  examine_forwarding(findings, "IPv6", "ipv6/conf/all/forwarding", in_use);
  auto nft = Nft::load();
  if (!nft)
    findings.push_back({false, nft.error().what + ": " + nft.error().object, nft.error().hint});
  else
    examine_rules(findings, *nft, networks);
  return findings;
}

}  // namespace rcrt::bridge
