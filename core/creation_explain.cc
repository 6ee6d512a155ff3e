// SPDX-License-Identifier: MIT
// The plan of a run, as JSON.
#include <rcrt/network.h>

#include "core/creation.h"

namespace rcrt {

Result<Json> Creation::explain() {
  RCRT_ASSIGN(resolved_, resolve(Engine::Missing::describe));
  std::string id = "<id>";
  SpecInput input;
  input.id = id;
  input.image_config = resolved_.image_config;
  input.host_network = resolved_.host_network;
  input.network_path = resolved_.network_path;
  std::string user = options_.user.empty() ? input.image_config.value("User", "") : options_.user;
  UniqueFd root = with_users();
  auto runs_as = resolve_user(root.get(), user, options_.groups);
  if (!runs_as && !root) runs_as.error().hint = "its root is not there yet to look into: give numbers";
  if (!runs_as) return std::unexpected(runs_as.error());
  use_etc_files(input);
  RCRT_ASSIGN(Json spec, build_spec(options_, input));
  set_user(spec, *runs_as);
  Json config = container_config(options_, resolved_, paths(), id, options_.name, spec,
                                 engine_.images_.layers_dir(), Engine::volumes_json(options_.mounts));
  Json plugins = Json::array();
  RCRT_ASSIGN(const Plugin* storage, engine_.plugins_.load("storage", options_.storage));
  plugins.push_back(
      {{"plugin", "storage-" + options_.storage},
       {"file", storage->path()},
       {"request", storage_request(options_, resolved_, paths(), engine_.images_.layers_dir(), id)}});
  for (const auto& name : options_.isolation) {
    RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("isolation", name));
    plugins.push_back({{"plugin", "isolation-" + name},
                       {"file", plugin->path()},
                       {"request", isolation_request(options_, spec, paths(), id)}});
  }
  int index = 0;
  for (const auto& network : resolved_.networks) {
    RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("net", network.plugin));
    Json request = engine_.network_request(config, network, index, "eth" + std::to_string(index));
    const auto* table = plugin->get<rcrt_network_v1>(RCRT_NETWORK_V1);
    RCRT_ASSIGN(PluginReply reply, plugin->call(table->plan, "plan", request));
    plugins.push_back({{"plugin", "net-" + network.plugin},
                       {"file", plugin->path()},
                       {"request", request},
                       {"plan", reply.result}});
    ++index;
  }
  Json image = {{"name", resolved_.image_name}, {"id", resolved_.image_id}};
  if (resolved_.image_id.empty())
    image = {{"name", resolved_.image_name}, {"import", paths().embedded_image()}};
  if (!resolved_.source.empty()) image = {{"source", resolved_.source}};
  return Json{
      {"image", image}, {"spec", spec}, {"cgroup", spec["linux"]["cgroupsPath"]}, {"plugins", plugins}};
}

Result<Json> Engine::explain(const RunOptions& options) {
  PullPolicy nothing_new;
  nothing_new.when = PullPolicy::never;
  return Creation(*this, options, nothing_new).explain();
}

}  // namespace rcrt
