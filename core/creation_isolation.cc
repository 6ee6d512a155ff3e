// SPDX-License-Identifier: MIT
// What confines the container: requests to isolation plugins, and what comes of their answers.
#include <rcrt/isolation.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/fault.h"
#include "core/creation.h"
#include "core/defaults.h"

namespace rcrt {

Json isolation_request(const RunOptions& options, const Json& spec, const Paths& paths,
                       const std::string& id) {
  return {{"container", id},
          {"cgroup_path", spec["linux"]["cgroupsPath"]},
          {"resources", spec["linux"]["resources"]},
          {"capabilities", spec["process"]["capabilities"]["bounding"]},
          {"privileged", options.privileged},
          {"security_opt", options.security_opt},
          {"no_new_privileges", spec["process"]["noNewPrivileges"]},
          {"cache_dir", paths.cache()}};
}

void Creation::drop_capabilities(const Json& names, const std::string& plugin) {
  for (const auto& name : names) {
    if (!name.is_string()) continue;
    if (options_.privileged || asks_for_capability(options_.cap_add, name.get<std::string>())) {
      engine_.log_(RCRT_LOG_WARNING, "rcrt",
                   name.get<std::string>() + " was asked for, but cannot be confined here (" + plugin +
                       "): the container can reach the host's devices with it");
      continue;
    }
    for (auto& [set, held] : spec_["process"]["capabilities"].items())
      held.erase(std::remove(held.begin(), held.end(), name), held.end());
  }
}

// What is added to lists of the specification.
Result<void> Creation::contribute(const Json& result, const Plugin& plugin) {
  auto well_formed = [](const char* member, const Json& item) {
    return member == std::string_view("rlimits") ? item.is_object() : item.is_string();
  };
  for (auto [part, member] :
       {std::pair{"linux", "maskedPaths"}, {"linux", "readonlyPaths"}, {"process", "rlimits"}}) {
    auto list = result.find(member);
    if (list == result.end() || !list->is_array()) continue;
    for (const auto& item : *list) {
      if (!well_formed(member, item)) return plugin.malformed("<rcrt/isolation.h>", member);
      contributed_[part][member].push_back(item);
    }
  }
  return {};
}

Result<void> Creation::prepare_isolation() {
  Json request = isolation_request(options_, spec_, paths(), id_);
  for (const auto& name : options_.isolation) {
    RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("isolation", name));
    const auto* table = plugin->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
    // One without an inverse makes nothing that outlives us.
    if (table->release != nullptr) RCRT_TRY(journal("isolation", name, request));
    RCRT_ASSIGN(PluginReply reply, plugin->call(table->prepare, "prepare", request));
    if (UniqueFd fd = reply.take("cgroup")) {
      if (struct stat st; fstat(fd.get(), &st) != 0 || !S_ISDIR(st.st_mode))
        return plugin->misbehaved("its cgroup is no directory");
      cgroup_ = std::move(fd);
      // Its namespaces are made while the rest is prepared.
      RCRT_TRY(launcher_->clone(spec_, cgroup_.get()));
    }
    if (UniqueFd fd = reply.take("seccomp")) seccomp_ = std::move(fd);
    RCRT_TRY(contribute(reply.result, *plugin));
    if (auto drop = reply.result.find("dropCapabilities"); drop != reply.result.end()) {
      drop_capabilities(*drop, plugin->path());
      request = isolation_request(options_, spec_, paths(), id_);
    }
    nodev_ = nodev_ || reply.result.value("nodev", false);
    if (auto it = reply.result.find("seccompFlags"); it != reply.result.end() && it->is_array())
      for (const auto& flag : *it)
        if (flag.is_string()) seccomp_flags_.push_back(flag.get<std::string>());
    fault_point("isolation prepared");
  }
  if (cgroup_) return {};
  if (!options_.resources.empty())
    return error("nobody enforces the limit", options_.resources.begin().key(),
                 "limits need a plugin that makes cgroups, such as --isolation=cgroup", ENOTSUP);
  return launcher_->clone(spec_, -1);
}

}  // namespace rcrt
