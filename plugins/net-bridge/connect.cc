// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/connect.h"

#include <optional>

#include "base/fault.h"
#include "base/result.h"
#include "base/undo.h"
#include "plugins/net-bridge/link.h"
#include "plugins/net-bridge/loopback.h"
#include "plugins/net-bridge/nft.h"
#include "plugins/net-bridge/ports.h"
#include "plugins/net-bridge/ruleset.h"
#include "plugins/net-bridge/sysctl.h"

namespace rcrt::bridge {
namespace {

Json result_of(const Request& request, const Attachment& attachment, const Ready& ready) {
  Json addresses = Json::array();
  for (const Address* address : {&attachment.v4, &attachment.v6}) {
    if (!address->valid()) continue;
    const Range& range = address->family == AF_INET ? ready.network.v4 : ready.network.v6;
    Json entry = {{"interface", attachment.interface},
                  {"address", address->text() + "/" + std::to_string(range.subnet.prefix)}};
    if (!ready.network.internal) entry["gateway"] = range.gateway.text();
    addresses.push_back(std::move(entry));
  }
  return {{"interfaces",
           {{{"name", attachment.interface},
             {"mac", mac_text(request.mac)},
             {"mtu", ready.network.mtu},
             {"host", attachment.host_link}}}},
          {"addresses", addresses},
          {"dns", {{"servers", Json::array()}, {"search", Json::array()}, {"options", Json::array()}}},
          {"ports", ports_json(attachment.ports)}};
}

// Where the bridge lets router advertisements through (see ruleset.cc). Not always: looking a
// sysctl up takes the longer the more network namespaces there are, 1 ms with 500.
void ignore_router_advertisements(const std::string& interface) {
  (void)write_sysctl("ipv6/conf/" + interface + "/accept_ra", "0");
}

Status delete_ports(const Attachment& attachment) {
  std::string commands = port_commands("delete", attachment);
  if (commands.empty()) return {};
  RCRT_ASSIGN(Nft nft, Nft::load());
  if (nft.run(commands)) return {};
  // Some are gone already (a foreign flush, an attach that was killed): one by one, and
  // what is not there need not go.
  for (const std::string& one : single_port_commands("delete", attachment)) (void)nft.run(one);
  return {};
}

// Everything an attachment has, last made first; goes on past failures, reports the first.
Status remove_parts(Host& host, NetworkFiles& files, const Attachment& attachment, Namespace state) {
  Status first;
  auto keep = [&](Status status) {
    if (!status && first) first = std::move(status);
  };
  if (attachment.complete && !attachment.ports.empty()) {
    auto handle = table_handle(host.netfilter);
    if (handle && *handle) keep(delete_ports(attachment));
    fault_point("net-bridge: ports unpublished");
  }
  if (state == Namespace::alive) keep(delete_link(host.route, attachment.host_link));
  fault_point("net-bridge: link gone");
  keep(release_ports(host.state, attachment));
  fault_point("net-bridge: ports released");
  keep(files.release(attachment));
  fault_point("net-bridge: addresses released");
  if (first) keep(files.forget(attachment.key()));
  fault_point("net-bridge: attachment forgotten");
  return first;
}

}  // namespace

Expected<Json> connect(Host& host, const Request& request, int netns) {
  fault_point("net-bridge: attach begins");
  RCRT_ASSIGN(NetworkFiles files, host.state.make_network(request.network.name));
  // Whoever takes down what is unused waits for us, or we for it.
  auto lock = host.state.lock_shared();
  if (!lock) return std::unexpected(lock.error());
  RCRT_ASSIGN(auto ready, find_ready(host, files, request.network));
  if (!ready) {
    {
      Lock released = std::move(*lock);
    }
    lock = host.state.lock_exclusive();
    if (!lock) return std::unexpected(lock.error());
    RCRT_ASSIGN(files, host.state.make_network(request.network.name));  // it may just have been removed
    RCRT_ASSIGN(ready, find_ready(host, files, request.network));
    if (!ready) {
      RCRT_ASSIGN(ready, make_ready(host, files, request.network));
    }
  }
  fault_point("net-bridge: network ready");

  Attachment attachment = request.attachment;
  RCRT_ASSIGN(auto existing, files.attachment(attachment.key()));
  if (existing && existing->complete)
    return sdk::fail(EEXIST, "the container is connected already to the network", request.network.name,
                     "disconnect it first");
  Undo undo;
  undo.add([&] { (void)remove_parts(host, files, attachment, Namespace::alive); });
  RCRT_TRY(files.save(attachment));  // names what follows before it is made
  fault_point("net-bridge: attachment named");
  RCRT_TRY(files.lease(attachment, ready->network));
  fault_point("net-bridge: addresses leased");
  RCRT_TRY(claim_ports(host.state, attachment));
  attachment.complete = true;
  RCRT_TRY(files.save(attachment));
  fault_point("net-bridge: attachment written");

  Request filled = request;
  if (!request.has_mac) filled.mac = mac_for(attachment);
  const Veth veth = {attachment.host_link, attachment.interface, netns,
                     ready->bridge.index,  ready->network.mtu,   filled.mac};
  Status made = create_veth(host.route, veth);
  if (!made && made.error().code == EEXIST) {
    // A container that starts again: the link of its last time goes only with that namespace,
    // which the kernel takes down when it comes to it.
    RCRT_TRY(delete_link(host.route, attachment.host_link));
    made = create_veth(host.route, veth);
  }
  RCRT_TRY(std::move(made));
  fault_point("net-bridge: veth created");
  const bool guarded = has_bridge_table(host.netfilter);
  RCRT_ASSIGN(Netlink inside, Netlink::open_in(netns, NETLINK_ROUTE, [&] {
                if (!guarded) ignore_router_advertisements(attachment.interface);
              }));
  RCRT_TRY(configure_inside(inside, attachment, ready->network));
  fault_point("net-bridge: interface up");
  RCRT_TRY(wait_forwarding(host.route, attachment.host_link, ready->network.bridge));
  if (!attachment.ports.empty()) {
    RCRT_TRY(open_loopback(host.route, ready->bridge, attachment));
    RCRT_ASSIGN(Nft nft, Nft::load());
    fault_point("net-bridge: before the ports");
    if (std::string commands = port_commands("add", attachment); !commands.empty())
      RCRT_TRY(nft.run(commands));
    fault_point("net-bridge: ports published");
  }
  undo.commit();
  return result_of(filled, attachment, *ready);
}

Status disconnect(Host& host, const Attachment& named, Namespace state) {
  RCRT_ASSIGN(auto lock, host.state.lock_shared());
  RCRT_ASSIGN(auto files, host.state.find_network(named.network));
  if (!files) return {};
  auto stored = files->attachment(named.key());
  // A damaged file is searched for like one that was never completed.
  Attachment attachment = named;
  attachment.complete = false;
  if (stored && !*stored) return {};
  if (stored) attachment = std::move(**stored);
  return remove_parts(host, *files, attachment, state);
}

}  // namespace rcrt::bridge
