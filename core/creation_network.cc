// SPDX-License-Identifier: MIT
// The container's networks, and the files in /etc that follow from them.
#include <rcrt/network.h>

#include "base/fault.h"
#include "core/creation.h"
#include "core/files.h"

namespace rcrt {

Result<void> Creation::attach_networks() {
  int index = 0;
  for (const auto& network : resolved_.networks) {
    Json request = engine_.network_request(config_, network, index, "eth" + std::to_string(index));
    RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("net", network.plugin));
    const auto* table = plugin->get<rcrt_network_v1>(RCRT_NETWORK_V1);
    if (table->detach != nullptr) RCRT_TRY(journal("network", network.plugin, request));
    RCRT_ASSIGN(Json result, engine_.attach_network(network, request, process_->netns.get()));
    fault_point("network attached");
    if (request["ports"].size() > result.value("ports", Json::array()).size())
      return error("cannot publish ports on network", network.name, kPublishing, EINVAL);
    for (const char* member : {"ip", "ip6", "mac"})
      if (request.contains(member) && result.value("addresses", Json::array()).empty())
        return error("cannot choose an address on network", network.name,
                     "choosing takes a network such as --net=bridge", EINVAL);
    attached_.push_back({{"name", network.name},
                         {"plugin", network.plugin},
                         {"index", index},
                         {"request", std::move(request)},
                         {"result", std::move(result)}});
    ++index;
  }
  return {};
}

Result<void> Creation::write_etc_files() {
  if (!resolved_.etc_folder.empty()) return {};
  for (const std::string& entry : options_.add_host)
    if (entry.ends_with(":host-gateway") && !leads_out(attached_) && !resolved_.host_network)
      return error("there is no gateway for --add-host", entry, "use a network such as --net=bridge", EINVAL);
  RCRT_TRY(overwrite_file(state_file("hostname"), config_.value("hostname", "") + "\n"));
  RCRT_TRY(overwrite_file(state_file("hosts"), hosts_text(config_, attached_)));
  RCRT_TRY(overwrite_file(state_file("resolv.conf"), resolv_text(config_, attached_)));
  fault_point("etc files");
  return {};
}

}  // namespace rcrt
