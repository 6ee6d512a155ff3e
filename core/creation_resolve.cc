// SPDX-License-Identifier: MIT
// What is found out before anything is made.
#include <fcntl.h>
#include <limits.h>
#include <rcrt/network.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/creation.h"
#include "core/run_options_json.h"

namespace rcrt {

// "container:NAME" becomes the path of a namespace.
Result<void> Creation::join_namespaces() {
  for (auto [mode, ns] :
       {std::pair{&options_.pid_mode, "pid"}, {&options_.ipc_mode, "ipc"}, {&options_.uts_mode, "uts"}}) {
    if (!mode->starts_with("container:")) continue;
    RCRT_ASSIGN(*mode, engine_.resolve_namespace_mode(*mode, ns));
  }
  return {};
}

// The other container's network, with its host name and the files of its /etc.
Result<void> Creation::join_network(Resolved& resolved, const std::string& mode) {
  const RunOptions& o = options_;
  if (!o.hostname.empty() || !o.domainname.empty() || !o.add_host.empty() || !o.dns.empty() ||
      !o.dns_search.empty() || !o.dns_options.empty() || !o.ports.empty() || !o.ip.empty() ||
      !o.ip6.empty() || !o.mac.empty())
    return error("conflicting options with network", mode,
                 "names, addresses, DNS and ports are those of the other container", EINVAL);
  RCRT_ASSIGN(Container other, engine_.running_container(mode));
  RCRT_ASSIGN(std::string path, engine_.resolve_namespace_mode(mode, "net"));
  resolved.network_path = path.substr(strlen("path:"));
  resolved.etc_folder = other.config.value("etcFolder", "");
  if (resolved.etc_folder.empty()) resolved.etc_folder = paths().container_state(other.id);
  options_.hostname = other.config.value("hostname", "");
  options_.domainname = other.config.value("domainname", "");
  return {};
}

// What the image exposes too; with --publish-all a free port for each that has none yet.
Result<void> Creation::expose_ports(const Json& image_config) {
  if (auto it = image_config.find("ExposedPorts"); it != image_config.end() && it->is_object())
    for (const auto& [port, nothing] : it->items()) {
      RCRT_ASSIGN(auto ports, parse_expose(port));
      options_.exposed.insert(options_.exposed.end(), ports.begin(), ports.end());
    }
  if (!options_.publish_all) return {};
  for (const auto& port : options_.exposed) {
    auto same = [&](const PublishedPort& other) {
      return other.container_port == port.container_port && other.protocol == port.protocol;
    };
    if (std::ranges::none_of(options_.ports, same)) options_.ports.push_back(port);
  }
  return {};
}

Result<void> Creation::resolve_image(Resolved& resolved, Engine::Missing missing) {
  RCRT_ASSIGN(resolved.source,
              engine_.storage_source(options_.storage, options_.image, options_.storage_options));
  if (resolved.source.empty()) {
    if (missing == Engine::Missing::import) {
      RCRT_ASSIGN(images_, engine_.hold_images(Engine::Hold::shared));
    }
    RCRT_ASSIGN(Image image, missing == Engine::Missing::describe
                                 ? engine_.find_image(options_.image, missing)
                                 : engine_.find_image(options_.image, policy_));
    if (auto it = image.config.find("config"); it != image.config.end() && it->is_object())
      resolved.image_config = *it;
    resolved.image_name = image.name;
    resolved.image_id = image.id;
    resolved.layers = std::move(image.layers);
  }
  RCRT_TRY(expose_ports(resolved.image_config));
  RCRT_TRY(engine_.take_volumes_from(options_));
  return engine_.choose_volumes(options_.mounts, resolved.image_config);
}

Result<void> Creation::resolve_networks(Resolved& resolved) {
  bool joins = false;
  for (const auto& name : options_.networks) {
    if (std::ranges::count(options_.networks, name) > 1)
      return error("network is named twice", name, "once is enough", EINVAL);
    if (name.starts_with("container:")) {
      if (options_.networks.size() == 1) RCRT_TRY(join_network(resolved, name));
      joins = true;
      continue;
    }
    RCRT_ASSIGN(NetworkChoice network, engine_.find_network(name));
    RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("net", network.plugin));
    const auto* table = plugin->get<rcrt_network_v1>(RCRT_NETWORK_V1);
    RCRT_ASSIGN(PluginReply reply, plugin->call(table->plan, "plan", {{"network", network.config}}));
    if (reply.result.value("host", false))
      resolved.host_network = true;
    else
      resolved.networks.push_back(std::move(network));
  }
  if (options_.networks.size() > 1 && (resolved.host_network || joins))
    return error("conflicting networks", "", "host and container:NAME cannot be combined with others",
                 EINVAL);
  if (!options_.ports.empty() && resolved.networks.empty())
    return error("cannot publish ports on network", options_.networks[0], kPublishing, EINVAL);
  if (resolved.host_network && options_.hostname.empty()) {
    char name[HOST_NAME_MAX + 1] = {};
    if (gethostname(name, sizeof name - 1) == 0) options_.hostname = name;
  }
  return {};
}

Result<Resolved> Creation::resolve(Engine::Missing missing) {
  Resolved resolved;
  RCRT_TRY(resolve_image(resolved, missing));
  // Before other containers are looked at: at the next start they may be others.
  if (keep_) kept_ = {{"options", options_record(options_)}, {"imageConfig", resolved.image_config}};
  RCRT_TRY(join_namespaces());
  RCRT_TRY(resolve_networks(resolved));
  return resolved;
}

void Creation::use_etc_files(SpecInput& input) const {
  std::string folder =
      resolved_.etc_folder.empty() ? paths().container_state(input.id) : resolved_.etc_folder;
  input.hosts_file = folder + "/hosts";
  input.hostname_file = folder + "/hostname";
  input.resolv_file = folder + "/resolv.conf";
}

UniqueFd Creation::with_users() const {
  if (!resolved_.source.empty())
    return UniqueFd(open(resolved_.source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const auto& layer : resolved_.layers) {
    std::string path = engine_.images_.layers_dir() + "/" + layer;
    UniqueFd folder(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (folder && faccessat(folder.get(), "etc/passwd", F_OK, AT_SYMLINK_NOFOLLOW) == 0) return folder;
  }
  return {};
}

}  // namespace rcrt
