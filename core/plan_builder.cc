// SPDX-License-Identifier: MIT
#include "core/plan_builder.h"

#include <linux/sched.h>
#include <linux/seccomp.h>

#include <algorithm>

#include "core/plan_json.h"
#include "core/plan_parts.h"

namespace rcrt {
namespace {

using plan_json::bad;
using plan_json::Node;

void check_version(const Node& version) {
  std::string text = version.text();
  if (!text.starts_with("1.")) bad("ociVersion", text, "use a configuration of version 1");
}

void read_names(const Node& config, PlanDraft& draft) {
  if (config["hostname"].present()) draft.hostname = config["hostname"].text();
  if (config["domainname"].present()) draft.domainname = config["domainname"].text();
  for (auto [key, value] :
       {std::pair{"hostname", &draft.hostname}, std::pair{"domainname", &draft.domainname}}) {
    if (!value->has_value()) continue;
    if ((*value)->size() > 64) bad(key, **value, "a name has at most 64 bytes");
    if ((*value)->empty()) value->reset();
    if (value->has_value() && !draft.has(CLONE_NEWUTS)) bad(key, **value, "it needs a namespace of type uts");
  }
}

// A mount without mappings of its own has the container's.
void complete_mappings(PlanDraft& draft) {
  for (auto& mount : draft.mounts) {
    if (!mount.map_ids || !mount.uid_map.empty()) continue;
    if (draft.uid_map.empty())
      bad(mount.where, mount.target, "idmap needs uidMappings and gidMappings, of the mount or of linux");
    mount.uid_map = draft.uid_map;
    mount.gid_map = draft.gid_map;
  }
}

void check_together(const PlanDraft& draft, PlanFor purpose) {
  const bool own_mounts = draft.is_new(CLONE_NEWNS);
  if (!draft.has(CLONE_NEWNS) && purpose == PlanFor::container)
    bad("linux.namespaces", "", "one of type mount is needed");
  if (!own_mounts && (!draft.masked.empty() || !draft.readonly.empty()))
    bad("linux.maskedPaths", "", "it needs a new namespace of type mount");
  if (draft.has(CLONE_NEWUSER)) {
    for (auto& space : draft.namespaces)
      if (space.type == CLONE_NEWUSER && !space.path.empty() && draft.is_new(CLONE_NEWPID))
        bad(space.where, space.path, "a joined user namespace needs a joined pid namespace");
  }
  if (draft.args.size() > 100000 || draft.env.size() > 100000)
    bad("process.args", std::to_string(draft.args.size()), "at most 100000 arguments and variables");
}

}  // namespace

bool PlanDraft::has(uint32_t type) const {
  return std::any_of(namespaces.begin(), namespaces.end(), [=](auto& space) { return space.type == type; });
}

bool PlanDraft::is_new(uint32_t type) const {
  return std::any_of(namespaces.begin(), namespaces.end(),
                     [=](auto& space) { return space.type == type && space.path.empty(); });
}

Result<PlanDraft> build_plan(const Json& spec, PlanFor purpose) {
  PlanDraft draft;
  try {
    Node config(&spec, "");
    if (!spec.is_object()) bad("", "", "it must be an object");
    check_version(config["ociVersion"]);
    plan_parts::read_process(config["process"], draft);
    plan_parts::read_mounts(config["mounts"], draft);
    plan_parts::read_linux(config["linux"], draft);
    draft.readonly_root = config["root"]["readonly"].flag();
    read_names(config, draft);
    complete_mappings(draft);
    check_together(draft, purpose);
  } catch (plan_json::Bad& bad) {
    return std::unexpected(std::move(bad.error));
  }
  return draft;
}

Result<uint32_t> seccomp_flags(const std::vector<std::string>& names) {
  uint32_t flags = 0;
  for (auto& name : names) {
    if (name == "SECCOMP_FILTER_FLAG_LOG") {
      flags |= SECCOMP_FILTER_FLAG_LOG;
    } else if (name == "SECCOMP_FILTER_FLAG_SPEC_ALLOW") {
      flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    } else if (name == "SECCOMP_FILTER_FLAG_TSYNC") {
      // One thread only: nothing to synchronise.
    } else if (name == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV") {
      return error("cannot use the seccomp flag", name,
                   "it needs a notification listener, which is not supported");
    } else {
      return error("unknown seccomp flag", name, "use SECCOMP_FILTER_FLAG_LOG, _SPEC_ALLOW or _TSYNC");
    }
  }
  return flags;
}

}  // namespace rcrt
