// SPDX-License-Identifier: MIT
// What the isolation plugin does for a container that runs: freeze, update, stats.
#include <rcrt/isolation.h>

#include "core/oci/intel_rdt.h"
#include "core/oci/runtime.h"

namespace rcrt::oci {

Result<Json> Runtime::cgroup_request(const Opened& container) {
  for (const auto& entry : container.record.isolation)
    if (entry.is_object() && entry.value("plugin", "") == "cgroup" && entry.contains("request"))
      return entry["request"];
  return error("container has no cgroup", container.record.id,
               "it runs without one: see --cgroup-manager and --rootless");
}

Result<void> Runtime::pause(const std::string& id, bool frozen) {
  RCRT_ASSIGN(Opened container, open(id));
  Status status = status_of(container.folder, container.record);
  if (frozen && status != Status::running && status != Status::created)
    return error(std::string("container not running: it is ") + status_name(status), id);
  if (!frozen && status != Status::paused) return error("container not paused", id);
  RCRT_ASSIGN(Json request, cgroup_request(container));
  request["frozen"] = frozen;
  RCRT_ASSIGN(PluginHost* const host, plugins());
  RCRT_ASSIGN(const Plugin* plugin, host->load("isolation", "cgroup"));
  const auto* table = plugin->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
  auto done = plugin->call(table->freeze, "freeze", request);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> Runtime::update(const std::string& id, const Json& resources,
                             const std::vector<std::string>& schemata) {
  RCRT_ASSIGN(Opened container, open(id));
  if (status_of(container.folder, container.record) == Status::stopped)
    return error("container not running", id);
  RCRT_TRY(change_intel_rdt(container.record.extra.value("resctrl", Json()), schemata));
  if (resources.empty()) return {};
  RCRT_ASSIGN(Json request, cgroup_request(container));
  request["resources"] = resources;
  RCRT_ASSIGN(PluginHost* const host, plugins());
  RCRT_ASSIGN(const Plugin* plugin, host->load("isolation", "cgroup"));
  const auto* table = plugin->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
  auto done = plugin->call(table->update, "update", request);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<Json> Runtime::stats(const std::string& id) {
  RCRT_ASSIGN(Opened container, open(id));
  if (status_of(container.folder, container.record) == Status::stopped)
    return error("container not running", id);
  RCRT_ASSIGN(Json request, cgroup_request(container));
  RCRT_ASSIGN(PluginHost* const host, plugins());
  RCRT_ASSIGN(const Plugin* plugin, host->load("isolation", "cgroup"));
  const auto* table = plugin->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
  RCRT_ASSIGN(PluginReply reply, plugin->call(table->stats, "stats", request));
  return reply.result;
}

}  // namespace rcrt::oci
