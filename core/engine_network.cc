// SPDX-License-Identifier: MIT
// Networks: finding them, connecting running containers, and the files in /etc that
// follow from it.
#include <fcntl.h>
#include <rcrt/network.h>

#include <algorithm>
#include <set>

#include "base/fault.h"
#include "core/engine.h"
#include "core/files.h"
#include "core/network_result.h"
#include "core/process.h"

namespace rcrt {
namespace {

std::string bare_address(const std::string& address) { return address.substr(0, address.find('/')); }

// The host's name servers that a container can reach: on a network of its own, none at a
// loopback address.
std::vector<std::string> host_resolv_lines(bool host_network) {
  std::vector<std::string> lines;
  auto text = read_file("/etc/resolv.conf");
  if (!text) return lines;
  for (const auto& line : split_words(*text, '\n')) {
    bool server = line.starts_with("nameserver");
    if (server && !host_network &&
        (line.find(" 127.") != std::string::npos || line.find(" ::1") != std::string::npos))
      continue;
    if (server || line.starts_with("search") || line.starts_with("options")) lines.push_back(line);
  }
  return lines;
}

std::string first_gateway(const Json& networks) {
  for (const auto& network : networks)
    if (auto it = network["result"].find("addresses"); it != network["result"].end())
      for (const auto& address : *it)
        if (std::string gateway = address.value("gateway", ""); !gateway.empty()) return gateway;
  return {};
}

bool has_own_network(const Container& container) {
  Json spec = container.config.value("spec", Json::object());
  for (const auto& ns : spec.value("linux", Json::object()).value("namespaces", Json::array()))
    if (ns.value("type", "") == "network") return !ns.contains("path");
  return false;
}

}  // namespace

bool leads_out(const Json& networks) { return !first_gateway(networks).empty(); }

bool says_names(const Json& networks) {
  for (const auto& network : networks)
    for (const char* member : {"addresses", "dns"})
      if (auto it = network["result"].find(member); it != network["result"].end() && !it->empty())
        return true;
  return false;
}

std::string hosts_text(const Json& config, const Json& networks) {
  std::string text =
      "127.0.0.1\tlocalhost\n"
      "::1\tlocalhost ip6-localhost ip6-loopback\n"
      "fe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";
  if (config.value("hostNetwork", false)) {
    if (auto host = read_file("/etc/hosts")) text = *host;
    if (!text.empty() && text.back() != '\n') text += '\n';
  }
  std::string names = config.value("hostname", "");
  if (std::string domain = config.value("domainname", ""); !domain.empty())
    names = names + "." + domain + " " + names;
  if (std::string name = config.value("name", ""); !name.empty() && name != config.value("hostname", ""))
    names += " " + name;
  for (const auto& network : networks)
    if (auto it = network["result"].find("addresses"); it != network["result"].end())
      for (const auto& address : *it)
        if (std::string bare = bare_address(address.value("address", ""));
            bare != "::1" && !bare.starts_with("127."))
          text += bare + "\t" + names + "\n";
  for (const auto& entry : config.value("addHost", std::vector<std::string>())) {
    auto colon = entry.find(':');
    std::string address = entry.substr(colon + 1);
    if (address == "host-gateway") address = first_gateway(networks);
    if (!address.empty()) text += address + "\t" + entry.substr(0, colon) + "\n";
  }
  return text;
}

std::string resolv_text(const Json& config, const Json& networks) {
  auto servers = config.value("dns", std::vector<std::string>());
  auto search = config.value("dnsSearch", std::vector<std::string>());
  auto options = config.value("dnsOptions", std::vector<std::string>());
  bool connected = leads_out(networks);
  for (const auto& network : networks) {
    const Json& result = network["result"];
    auto dns = result.find("dns");
    if (dns == result.end() || !dns->is_object()) continue;
    auto add = [&](const char* member, std::vector<std::string>& to) {
      if (!to.empty()) return;
      to = dns->value(member, std::vector<std::string>());
    };
    add("servers", servers);
    add("search", search);
    add("options", options);
  }
  bool host_network = config.value("hostNetwork", false);
  std::string text;
  if (connected || host_network) {
    for (const auto& line : host_resolv_lines(host_network)) {
      bool taken = (line.starts_with("nameserver") && !servers.empty()) ||
                   (line.starts_with("search") && !search.empty()) ||
                   (line.starts_with("options") && !options.empty());
      if (!taken) text += line + "\n";
    }
  }
  auto words = [](const std::vector<std::string>& list) {
    std::string joined;
    for (const auto& word : list) joined += " " + word;
    return joined;
  };
  for (const auto& server : servers) text += "nameserver " + server + "\n";
  if (!search.empty()) text += "search" + words(search) + "\n";
  if (!options.empty()) text += "options" + words(options) + "\n";
  return text;
}

Result<NetworkChoice> Engine::read_network(const std::string& name) const {
  if (name.empty() || name.find('/') != std::string::npos || name.starts_with("."))
    return error("invalid network name", name, "see `rcrt network ls`", EINVAL);
  NetworkChoice choice{name, name, {{"name", name}, {"driver", name}}};
  auto config = read_json(paths_.networks() + "/" + name + ".json");
  if (config) {
    choice.config = std::move(*config);
    choice.config["name"] = name;
    choice.plugin = choice.config.value("driver", "bridge");
  } else if (config.error().code != ENOENT) {
    return std::unexpected(config.error());
  }
  return choice;
}

Result<NetworkChoice> Engine::find_network(const std::string& name) {
  RCRT_ASSIGN(NetworkChoice network, read_network(name));
  auto plugin = plugins_.load("net", network.plugin);
  if (!plugin && plugin.error().code == ENOENT && network.plugin == name)
    return error("no such network", name,
                 "see `rcrt network ls`; nor is there a plugin net-" + name + ": " + plugin.error().hint,
                 ENOENT);
  if (!plugin) return std::unexpected(plugin.error());
  return network;
}

std::vector<NetworkChoice> Engine::networks() const {
  std::set<std::string> names = {"bridge", "host", "none"};
  for (const auto& file : list_folder(paths_.networks()))
    if (file.ends_with(".json")) names.insert(file.substr(0, file.size() - 5));
  std::vector<NetworkChoice> list;
  for (const auto& name : names)
    if (auto choice = read_network(name)) list.push_back(std::move(*choice));
  return list;
}

Json Engine::network_request(const Json& config, const NetworkChoice& network, int index,
                             const std::string& interface) const {
  Json request = {{"container", config.value("id", "")},
                  {"name", config.value("name", "")},
                  {"index", index},
                  {"interface", interface},
                  {"network", network.config},
                  {"ports", index == 0 ? config.value("ports", Json::array()) : Json::array()},
                  {"state_dir", paths_.state + "/networks"},
                  {"data_dir", paths_.root}};
  if (index == 0)
    for (const char* member : {"ip", "ip6", "mac"})
      if (std::string value = config.value(member, ""); !value.empty()) request[member] = value;
  return request;
}

Result<Json> Engine::attach_network(const NetworkChoice& network, const Json& request, int netns) {
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("net", network.plugin));
  const auto* table = plugin->get<rcrt_network_v1>(RCRT_NETWORK_V1);
  RCRT_ASSIGN(PluginReply reply, plugin->call(table->attach, "attach", request, {{"netns", netns}}));
  if (const char* member = malformed_member(reply.result))
    return plugin->malformed("<rcrt/network.h>", member);
  return std::move(reply.result);
}

Result<void> Engine::connect(const std::string& network_name, const std::string& id) {
  RCRT_ASSIGN(auto lock, ContainerLock::acquire(paths_, id, ContainerLock::Mode::exclusive));
  RCRT_ASSIGN(Container container, containers_.load(id));
  if (!container.open_process())
    return error("container is not running", container.name(), "start it first", ESRCH);
  if (!has_own_network(container))
    return error("container has no network of its own", container.name(),
                 "it uses the host's or another container's", EINVAL);
  use_plugins_of(container);
  RCRT_ASSIGN(NetworkChoice network, find_network(network_name));
  int index = 0;
  std::set<std::string> used;
  for (const auto& other : container.state["networks"]) {
    if (other.value("name", "") == network_name)
      return error("container is connected already to", network_name, "disconnect it first", EEXIST);
    index = std::max(index, other.value("index", 0) + 1);
    if (auto it = other["result"].find("interfaces"); it != other["result"].end())
      for (const auto& interface : *it) used.insert(interface.value("name", ""));
  }
  int number = 0;
  while (used.contains("eth" + std::to_string(number))) ++number;
  std::string path = "/proc/" + std::to_string(container.pid()) + "/ns/net";
  UniqueFd netns(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns || !container.open_process())
    return errno_error("cannot open network namespace of", container.name());

  Json request = network_request(container.config, network, index, "eth" + std::to_string(number));
  // Published on one network: on this one where none of the container's has them yet.
  const bool published = std::ranges::any_of(container.state["networks"], [](const Json& other) {
    return !other["result"].value("ports", Json::array()).empty();
  });
  request["ports"] = published ? Json::array() : container.config.value("ports", Json::array());
  std::string state = paths_.container_state(id);
  RCRT_ASSIGN(Journal journal, Journal::open(state));
  RCRT_TRY(journal.append("network", network.plugin, request));
  fault_point("network");
  auto result = attach_network(network, request, netns.get());
  if (!result) {
    left_networks_.insert(network.plugin);
    return std::unexpected(result.error());
  }
  container.state["networks"].push_back({{"name", network.name},
                                         {"plugin", network.plugin},
                                         {"index", index},
                                         {"request", request},
                                         {"result", *result}});
  RCRT_TRY(write_file(state + "/state.json", container.state.dump()));
  RCRT_TRY(overwrite_file(state + "/hosts", hosts_text(container.config, container.state["networks"])));
  return overwrite_file(state + "/resolv.conf", resolv_text(container.config, container.state["networks"]));
}

Result<void> Engine::disconnect(const std::string& network_name, const std::string& id) {
  RCRT_ASSIGN(auto lock, ContainerLock::acquire(paths_, id, ContainerLock::Mode::exclusive));
  RCRT_ASSIGN(Container container, containers_.load(id));
  if (!container.open_process()) return error("container is not running", container.name(), {}, ESRCH);
  Json& networks = container.state["networks"];
  auto it =
      std::ranges::find_if(networks, [&](const Json& n) { return n.value("name", "") == network_name; });
  if (it == networks.end())
    return error("container is not connected to", network_name, "see `rcrt inspect`", ENOENT);
  std::string plugin_name = it->value("plugin", "");
  use_plugins_of(container);
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("net", plugin_name));
  const auto* table = plugin->get<rcrt_network_v1>(RCRT_NETWORK_V1);
  std::string path = "/proc/" + std::to_string(container.pid()) + "/ns/net";
  UniqueFd netns(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns) return errno_error("cannot open network namespace of", container.name());
  Json request = (*it)["request"];
  if (table->idle != nullptr) left_networks_.insert(plugin_name);
  RCRT_TRY(plugin->call(table->detach, "detach", request, {{"netns", netns.get()}}));
  networks.erase(it);
  std::string state = paths_.container_state(id);
  RCRT_TRY(write_file(state + "/state.json", container.state.dump()));
  // Its inverse is idempotent, so the journal may keep the entry until the state is written.
  RCRT_ASSIGN(auto entries, Journal::read(state));
  std::erase_if(entries, [&](const JournalEntry& e) { return e.step == "network" && e.request == request; });
  RCRT_TRY(Journal::replace(state, entries));
  RCRT_TRY(overwrite_file(state + "/hosts", hosts_text(container.config, networks)));
  return overwrite_file(state + "/resolv.conf", resolv_text(container.config, networks));
}

Result<Json> Engine::network_call(const std::string& plugin_name, const std::string& function, Json request) {
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("net", plugin_name));
  const auto* table = plugin->get<rcrt_network_v1>(RCRT_NETWORK_V1);
  rcrt_function pointer = function == "idle"        ? table->idle
                          : function == "status"    ? table->status
                          : function == "reconcile" ? table->reconcile
                          : function == "teardown"  ? table->teardown
                          : function == "backups"   ? table->backups
                          : function == "restore"   ? table->restore
                          : function == "doctor"    ? table->doctor
                                                    : nullptr;
  request["state_dir"] = paths_.state + "/networks";
  request["data_dir"] = paths_.root;
  RCRT_TRY(make_folders(paths_.state + "/networks"));
  RCRT_ASSIGN(PluginReply reply, plugin->call(pointer, function.c_str(), request));
  return std::move(reply.result);
}

Result<Container> Engine::running_container(const std::string& mode) const {
  RCRT_ASSIGN(std::string id, containers_.find(mode.substr(strlen("container:"))));
  RCRT_ASSIGN(Container container, containers_.load(id));
  if (!container.open_process())
    return error("container is not running", container.name(), "start it first", ESRCH);
  return container;
}

Result<std::string> Engine::resolve_namespace_mode(const std::string& mode, const char* ns) const {
  RCRT_ASSIGN(Container container, running_container(mode));
  return "path:/proc/" + std::to_string(container.pid()) + "/ns/" + ns;
}

}  // namespace rcrt
