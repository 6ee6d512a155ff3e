// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/shared.h"

#include <algorithm>

#include "base/fault.h"
#include "base/result.h"
#include "plugins/net-bridge/backup.h"
#include "plugins/net-bridge/files.h"
#include "plugins/net-bridge/loopback.h"
#include "plugins/net-bridge/nft.h"
#include "plugins/net-bridge/plan.h"
#include "plugins/net-bridge/ruleset.h"
#include "plugins/net-bridge/sysctl.h"

namespace rcrt::bridge {
namespace {

// The handle the table has while it is whole; "new" while it is being made.
constexpr const char* kTableFile = "table";

struct Known {
  std::string name;
  NetworkFiles files;
  Network network;
  std::vector<Attachment> attachments;  // complete ones
  bool used;                            // has attachments, complete or not
};

Expected<std::vector<Known>> known_networks(Host& host) {
  std::vector<Known> list;
  RCRT_ASSIGN(auto names, host.state.networks());
  for (const std::string& name : names) {
    RCRT_ASSIGN(auto files, host.state.find_network(name));
    if (!files) continue;
    RCRT_ASSIGN(auto network, files->network());
    RCRT_ASSIGN(auto keys, files->attachments());
    Known known{name, std::move(*files), {}, {}, !keys.empty()};
    if (network) known.network = *network;
    for (const std::string& key : keys) {
      auto attachment = known.files.attachment(key);
      if (!attachment) {
        host.warnings.push_back(attachment.error().what + " " + attachment.error().object + ", ignoring");
        continue;
      }
      if (*attachment && (*attachment)->complete) known.attachments.push_back(std::move(**attachment));
    }
    list.push_back(std::move(known));
  }
  return list;
}

// The bridge as it must be; made when it is not there. Gives it.
Expected<Link> ensure_bridge(Host& host, const Network& network, bool ours) {
  RCRT_ASSIGN(auto link, find_link(host.route, network.bridge));
  if (link && (!ours || link->kind != "bridge"))
    return sdk::fail(EEXIST, "cannot create the bridge: a link of that name exists and is not of this rcrt",
                     network.bridge, "delete it, or name another in the network's option \"bridge\"");
  if (!link) {
    fault_point("net-bridge: before the bridge");
    RCRT_TRY(create_bridge(host.route, network.bridge, mac_for(network)));
    fault_point("net-bridge: bridge created");
    RCRT_ASSIGN(link, find_link(host.route, network.bridge));
    if (!link) return sdk::fail(ENODEV, "the bridge vanished", network.bridge);
  }
  if (!link->up) RCRT_TRY(protect_bridge(network.bridge));
  RCRT_TRY(start_bridge(host.route, link->index, network));
  fault_point("net-bridge: bridge up");
  link->up = true;
  return *link;
}

std::string marker(uint64_t handle) { return std::to_string(handle); }

Expected<bool> is_marked(const State& state, uint64_t handle) {
  RCRT_ASSIGN(auto text, read_file(state.own(), kTableFile));
  return text && *text == marker(handle);
}

// Where the kernel has no nftables for bridges our table inet rcrt alone does.
Status run_with(const std::string& quiet, Nft& nft, const std::string& commands) {
  if (nft.run(commands + quiet)) return {};
  return nft.run(commands);
}

// The table made anew with everything the attachments on disk need, in one transaction.
Status rebuild_table(Host& host, std::vector<Known>& networks) {
  RCRT_ASSIGN(auto handle, table_handle(host.netfilter));
  RCRT_ASSIGN(auto mine, read_file(host.state.own(), kTableFile));
  if (handle && !mine)
    return sdk::fail(EEXIST, "nftables' table inet rcrt exists and is not of this rcrt", {},
                     "another --state directory is in use here; if not: rcrt network teardown");
  RCRT_ASSIGN(Nft nft, Nft::load());
  if (!handle) RCRT_TRY(backup_if_changed(host, nft));
  fault_point("net-bridge: ruleset saved");
  for (Known& known : networks) RCRT_TRY(known.files.mark(""));
  RCRT_TRY(write_file(host.state.own(), kTableFile, "new"));
  fault_point("net-bridge: before the table");
  std::string commands = table_commands(handle.has_value(), can_answer_on_ipv6_loopback());
  for (const Known& known : networks) {
    if (known.network.bridge.empty()) continue;
    commands += network_commands("add", known.network);
    for (const Attachment& attachment : known.attachments) commands += port_commands("add", attachment);
  }
  RCRT_TRY(run_with(quiet_commands(has_bridge_table(host.netfilter)), nft, commands));
  fault_point("net-bridge: table made");
  RCRT_ASSIGN(handle, table_handle(host.netfilter));
  if (!handle) return sdk::fail(ENOENT, "nftables' table inet rcrt vanished as soon as it was made");
  for (Known& known : networks)
    if (!known.network.bridge.empty()) RCRT_TRY(known.files.mark(marker(*handle)));
  return write_file(host.state.own(), kTableFile, marker(*handle));
}

Status remove_network(Host& host, Known& known) {
  fault_point("net-bridge: before a network goes");
  if (!known.network.bridge.empty()) {
    RCRT_ASSIGN(auto links, all_links(host.route));
    int bridge = 0;
    for (const Link& link : links)
      if (link.name == known.network.bridge && link.kind == "bridge") bridge = link.index;
    // A namespace that somebody keeps alive keeps its end, and so ours.
    for (const Link& link : links)
      if (bridge != 0 && link.master == bridge && link.kind == "veth" && link.name.starts_with("rv"))
        RCRT_TRY(delete_link(host.route, link.name));
    if (bridge != 0) RCRT_TRY(delete_link(host.route, known.network.bridge));
  }
  fault_point("net-bridge: bridge deleted");
  return host.state.remove_network(known.name);
}

}  // namespace

Expected<Host> Host::open(const std::string& state_dir, const std::string& data_dir) {
  RCRT_ASSIGN(State state, State::open(state_dir));
  RCRT_ASSIGN(Netlink route, Netlink::open(NETLINK_ROUTE));
  RCRT_ASSIGN(Netlink netfilter, Netlink::open(NETLINK_NETFILTER));
  return Host{std::move(state), std::move(route), std::move(netfilter), data_dir, {}};
}

Expected<std::optional<Ready>> find_ready(Host& host, const NetworkFiles& files, const Network& wanted) {
  RCRT_ASSIGN(auto stored, files.network());
  if (!stored || !satisfies(*stored, wanted)) return std::nullopt;
  RCRT_ASSIGN(std::string mark, files.mark());
  RCRT_ASSIGN(auto handle, table_handle(host.netfilter));
  if (!handle || mark != marker(*handle)) return std::nullopt;
  RCRT_ASSIGN(auto link, find_link(host.route, stored->bridge));
  if (!link || !link->up || link->kind != "bridge") return std::nullopt;
  return Ready{std::move(*stored), std::move(*link)};
}

Expected<Ready> make_ready(Host& host, NetworkFiles& files, const Network& wanted) {
  RCRT_ASSIGN(auto stored, files.network());
  bool ours = stored && stored->bridge == wanted.bridge;
  if (!stored || !satisfies(*stored, wanted)) {
    RCRT_ASSIGN(auto keys, files.attachments());
    // The caller's own attachment is not written yet: whoever is here came before.
    if (stored && !keys.empty())
      return sdk::fail(EBUSY, "containers use the network with other settings", wanted.name,
                       "stop them, or give the new settings to another network");
    if (stored) {
      Known known{wanted.name, std::move(files), *stored, {}, false};
      RCRT_TRY(remove_network(host, known));
      RCRT_ASSIGN(files, host.state.make_network(wanted.name));
      ours = false;
    }
    std::vector<Network> others;
    RCRT_ASSIGN(auto known, known_networks(host));
    for (const Known& other : known)
      if (other.name != wanted.name && !other.network.bridge.empty()) others.push_back(other.network);
    RCRT_ASSIGN(Network filled, fill_network(host.route, wanted, others));
    RCRT_ASSIGN(auto link, find_link(host.route, filled.bridge));
    if (link && !ours)
      return sdk::fail(EEXIST, "cannot create the bridge: a link of that name exists and is not of this rcrt",
                       filled.bridge, "delete it, or name another in the network's option \"bridge\"");
    RCRT_TRY(files.save(filled));
    fault_point("net-bridge: network written");
    stored = filled;
  }
  if (!stored->internal) RCRT_TRY(enable_forwarding(host.state, stored->v6.subnet.valid()));
  RCRT_ASSIGN(Link link, ensure_bridge(host, *stored, true));
  RCRT_ASSIGN(auto handle, table_handle(host.netfilter));
  bool whole = false;
  if (handle) {
    RCRT_ASSIGN(whole, is_marked(host.state, *handle));
  }
  RCRT_ASSIGN(std::string mark, files.mark());
  if (!whole) {
    RCRT_ASSIGN(auto networks, known_networks(host));
    RCRT_TRY(rebuild_table(host, networks));
  } else if (mark != marker(*handle)) {
    RCRT_ASSIGN(Nft nft, Nft::load());
    RCRT_TRY(nft.run(network_commands("add", *stored)));
    fault_point("net-bridge: network added to the table");
    RCRT_TRY(files.mark(marker(*handle)));
  }
  return Ready{*stored, link};
}

Status rebuild(Host& host) {
  RCRT_ASSIGN(auto networks, known_networks(host));
  std::erase_if(networks, [](const Known& known) { return !known.used || known.network.bridge.empty(); });
  if (networks.empty()) return {};
  for (Known& known : networks) {
    if (!known.network.internal) RCRT_TRY(enable_forwarding(host.state, known.network.v6.subnet.valid()));
    RCRT_ASSIGN(Link bridge, ensure_bridge(host, known.network, true));
    for (const Attachment& attachment : known.attachments) {
      RCRT_TRY(open_loopback(host.route, bridge, attachment));
      RCRT_ASSIGN(auto link, find_link(host.route, attachment.host_link));
      if (link && link->master != bridge.index) RCRT_TRY(set_master(host.route, link->name, bridge.index));
    }
  }
  return rebuild_table(host, networks);
}

Status take_down_unused(Host& host, int quiet_ms) {
  RCRT_ASSIGN(auto networks, known_networks(host));
  for (Known& known : networks) known.used = known.used || known.files.changed_within(quiet_ms);
  bool any = std::any_of(networks.begin(), networks.end(), [](const Known& known) { return known.used; });
  RCRT_ASSIGN(auto handle, table_handle(host.netfilter));
  if (any) {
    for (Known& known : networks) {
      if (known.used) continue;
      if (handle && !known.network.bridge.empty()) {
        RCRT_ASSIGN(std::string mark, known.files.mark());
        if (mark == marker(*handle)) {
          RCRT_ASSIGN(Nft nft, Nft::load());
          RCRT_TRY(known.files.mark(""));
          RCRT_TRY(nft.run(network_commands("delete", known.network)));
        }
      }
      RCRT_TRY(remove_network(host, known));
    }
    return {};
  }
  RCRT_ASSIGN(auto mine, read_file(host.state.own(), kTableFile));
  if (handle && mine) {
    fault_point("net-bridge: before the table goes");
    RCRT_ASSIGN(Nft nft, Nft::load());
    RCRT_TRY(run_with(delete_quiet_commands(), nft, delete_table_command()));
    fault_point("net-bridge: table deleted");
    RCRT_TRY(note_generation(host));
  }
  RCRT_TRY(remove_file(host.state.own(), kTableFile));
  for (Known& known : networks) RCRT_TRY(remove_network(host, known));
  return restore_forwarding(host.state);
}

}  // namespace rcrt::bridge
