// SPDX-License-Identifier: MIT
// What is recorded of a container.
#include <set>

#include "core/creation.h"
#include "core/process.h"
#include "core/run_options_json.h"

namespace rcrt {
namespace {

Json ports_json(const std::vector<PublishedPort>& ports) {
  Json list = Json::array();
  for (const auto& port : ports)
    list.push_back({{"host_ip", port.host_ip},
                    {"host_port", port.host_port},
                    {"container_port", port.container_port},
                    {"protocol", port.protocol}});
  return list;
}

// "80/tcp", each once.
std::set<std::string> port_keys(const std::vector<PublishedPort>& ports) {
  std::set<std::string> keys;
  for (const auto& port : ports) keys.insert(std::to_string(port.container_port) + "/" + port.protocol);
  return keys;
}

}  // namespace

std::string log_path(const RunOptions& options, const Paths& paths, const std::string& id) {
  return options.detach || !options.remove ? paths.container(id) + "/container.log" : "";
}

Json container_config(const RunOptions& options, const Resolved& resolved, const Paths& paths,
                      const std::string& id, const std::string& name, Json spec,
                      const std::string& layers_dir, Json volumes) {
  std::string signal =
      options.stop_signal.empty() ? resolved.image_config.value("StopSignal", "") : options.stop_signal;
  Json labels = resolved.image_config.value("Labels", Json::object());
  if (!labels.is_object()) labels = Json::object();
  for (const auto& label : options.labels) {
    auto equals = label.find('=');
    labels[label.substr(0, equals)] = equals == std::string::npos ? "" : label.substr(equals + 1);
  }
  // What changes the image's configuration when the container is committed.
  Json asked = {{"args", options.args}, {"env", options.env}, {"workdir", options.workdir}};
  if (options.entrypoint) asked["entrypoint"] = *options.entrypoint;
  return {{"id", id},
          {"name", name},
          {"created", now_ns()},
          {"image", options.image},
          {"imageName", resolved.image_name},
          {"imageId", resolved.image_id},
          {"spec", std::move(spec)},
          {"user", options.user.empty() ? resolved.image_config.value("User", "") : options.user},
          {"labels", std::move(labels)},
          {"asked", std::move(asked)},
          {"autoRemove", options.remove},
          {"interactive", options.interactive},
          {"privileged", options.privileged},
          {"init", options.init},
          {"stopSignal", signal.empty() ? "SIGTERM" : signal},
          {"stopTimeout", options.stop_timeout},
          {"volumes", std::move(volumes)},
          {"mounts", mounts_record(options.mounts)},
          {"storage", options.storage},
          {"storageRequest", storage_request(options, resolved, paths, layers_dir, id)},
          {"isolation", options.isolation},
          {"pluginFolders", paths.plugin_folders},
          {"networks", options.networks},
          {"ports", ports_json(options.ports)},
          {"exposed", port_keys(options.exposed)},
          {"publishAll", options.publish_all},
          {"cgroupParent", options.cgroup_parent},
          {"ip", options.ip},
          {"ip6", options.ip6},
          {"mac", options.mac},
          {"etcFolder", resolved.etc_folder},
          {"hostNetwork", resolved.host_network},
          {"hostname", options.hostname.empty() ? id.substr(0, 12) : options.hostname},
          {"domainname", options.domainname},
          {"addHost", options.add_host},
          {"dns", options.dns},
          {"dnsSearch", options.dns_search},
          {"dnsOptions", options.dns_options},
          {"securityOpt", options.security_opt},
          {"capAdd", options.cap_add},
          {"capDrop", options.cap_drop},
          {"logPath", log_path(options, paths, id)}};
}

}  // namespace rcrt
