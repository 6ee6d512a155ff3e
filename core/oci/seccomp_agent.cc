// SPDX-License-Identifier: MIT
#include "core/oci/seccomp_agent.h"

#include "core/oci/record.h"
#include "core/oci/sockets.h"
#include "core/plan_json.h"

namespace rcrt::oci {

Result<Json> seccomp_agent(const Json& config) {
  try {
    const plan_json::Node seccomp = plan_json::Node(&config)["linux"]["seccomp"];
    const std::string path = seccomp["listenerPath"].text_or("");
    const auto metadata = seccomp["listenerMetadata"];
    if (path.empty()) {
      if (!metadata.text_or("").empty())
        plan_json::bad(metadata.path(), metadata.text(), "it needs listenerPath");
      return Json();
    }
    if (path[0] != '/')
      plan_json::bad(seccomp["listenerPath"].path(), path, "it must be the absolute path of a socket");
    return Json({{"path", path}, {"metadata", metadata.text_or("")}});
  } catch (plan_json::Bad& bad) {
    return std::unexpected(std::move(bad.error));
  }
}

Result<void> notify_agent(const Json& agent, const Json& state, pid_t pid, int listener) {
  Json message = {{"ociVersion", kSpecVersion}, {"fds", {"seccompFd"}}, {"pid", pid}, {"state", state}};
  const std::string metadata = agent.value("metadata", "");
  if (!metadata.empty()) message["metadata"] = metadata;
  return send_descriptor(agent.value("path", ""), "the seccomp agent", message.dump(), listener);
}

}  // namespace rcrt::oci
