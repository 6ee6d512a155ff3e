// SPDX-License-Identifier: MIT
#include "core/oci/net_devices.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>

#include <algorithm>
#include <set>

#include "base/undo.h"
#include "core/oci/route_socket.h"
#include "core/plan_json.h"

namespace rcrt::oci {
namespace {

using plan_json::bad;
using plan_json::Node;

bool has_network_namespace(const Node& config) {
  return std::ranges::any_of(config["linux"]["namespaces"].items(),
                             [](const Node& space) { return space["type"].text_or("") == "network"; });
}

void check_name(const Node& node, const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == ".." ||
      name.find_first_of("/: \t\n") != std::string::npos)
    bad(node.path(), name, "it must be a device's name, of 1 to 15 characters");
}

// The permanent global addresses of a device, as messages that give them to another.
Result<std::vector<RouteMessage>> addresses_of(RouteSocket& socket, int index) {
  RouteMessage query(RTM_GETADDR, NLM_F_DUMP);
  query.header<ifaddrmsg>();
  std::vector<RouteMessage> list;
  RCRT_TRY(socket.dump(query, [&](const nlmsghdr& answer) {
    const auto* found = static_cast<const ifaddrmsg*>(NLMSG_DATA(&answer));
    if (answer.nlmsg_type != RTM_NEWADDR || static_cast<int>(found->ifa_index) != index ||
        found->ifa_scope != RT_SCOPE_UNIVERSE || (found->ifa_flags & IFA_F_PERMANENT) == 0)
      return;
    RouteMessage again(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    again.header<ifaddrmsg>() = *found;
    int left = static_cast<int>(IFA_PAYLOAD(&answer));
    for (auto* one = IFA_RTA(found); RTA_OK(one, left); one = RTA_NEXT(one, left))
      if (one->rta_type == IFA_LOCAL || one->rta_type == IFA_ADDRESS || one->rta_type == IFA_BROADCAST)
        again.add(one->rta_type, RTA_DATA(one), RTA_PAYLOAD(one));
    list.push_back(std::move(again));
  }));
  return list;
}

std::set<int> devices_here() {
  std::set<int> indexes;
  if (struct if_nameindex* list = if_nameindex(); list != nullptr) {
    for (auto* one = list; one->if_index != 0; ++one) indexes.insert(static_cast<int>(one->if_index));
    if_freenameindex(list);
  }
  return indexes;
}

Result<void> in_namespace(int fd, const std::string& where) {
  if (setns(fd, CLONE_NEWNET) == 0) return {};
  return errno_error("cannot enter a network namespace for " + where);
}

Result<void> move(const NetDevice& device, int here, int there) {
  RCRT_ASSIGN(RouteSocket socket, RouteSocket::open());
  const int index = static_cast<int>(if_nametoindex(device.name.c_str()));
  if (index == 0) return errno_error("cannot find the network device of " + device.where, device.name);
  RCRT_ASSIGN(auto addresses, addresses_of(socket, index));

  RCRT_TRY(in_namespace(there, device.where));
  Undo back;
  back.add([&] { (void)setns(here, CLONE_NEWNET); });
  RCRT_ASSIGN(RouteSocket inside, RouteSocket::open());
  const std::set<int> before = devices_here();
  RouteMessage change(RTM_NEWLINK);
  change.header<ifinfomsg>().ifi_index = index;
  change.add(IFLA_NET_NS_FD, &there, sizeof there);
  change.add(IFLA_IFNAME, device.inside.c_str(), device.inside.size() + 1);
  if (auto moved = socket.ask(change); !moved)
    return error("cannot move the network device of " + device.where, device.name,
                 moved.error().code == EEXIST ? "the container has one of this name" : "",
                 moved.error().code);

  int arrived = 0;
  for (int one : devices_here())
    if (!before.contains(one)) arrived = one;
  RouteMessage up(RTM_NEWLINK);
  up.header<ifinfomsg>().ifi_index = arrived;
  up.header<ifinfomsg>().ifi_flags = up.header<ifinfomsg>().ifi_change = IFF_UP;
  if (auto done = inside.ask(up); !done)
    return error("cannot set up the network device of " + device.where, device.inside, {}, done.error().code);
  for (auto& address : addresses) {
    address.header<ifaddrmsg>().ifa_index = static_cast<unsigned>(arrived);
    auto given = inside.ask(address);
    if (!given && given.error().code != EEXIST)
      return error("cannot give an address to the network device of " + device.where, device.inside, {},
                   given.error().code);
  }
  return {};
}

}  // namespace

Result<std::vector<NetDevice>> read_net_devices(const Json& config) {
  std::vector<NetDevice> list;
  try {
    const Node root(&config), devices = root["linux"]["netDevices"];
    for (const auto& [name, node] : devices.members()) {
      check_name(node, name);
      std::string inside = node["name"].text_or("");
      if (inside.empty()) inside = name;
      check_name(node["name"], inside);
      if (size_t percent = inside.find('%'); percent != inside.npos && inside.find("%d") != inside.size() - 2)
        bad(node["name"].path(), inside, "the only pattern is %d, at the end");
      list.push_back({node.path(), name, std::move(inside)});
    }
    if (!list.empty() && !has_network_namespace(root))
      bad(devices.path(), "", "it needs a namespace of type network in linux.namespaces");
  } catch (plan_json::Bad& bad) {
    return std::unexpected(std::move(bad.error));
  }
  return list;
}

Result<void> move_net_devices(const std::vector<NetDevice>& devices, int namespace_fd) {
  UniqueFd here(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!here) return errno_error("cannot open the network namespace", "/proc/thread-self/ns/net");
  for (const auto& device : devices) RCRT_TRY(move(device, here.get(), namespace_fd));
  return {};
}

}  // namespace rcrt::oci
