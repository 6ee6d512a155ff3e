// SPDX-License-Identifier: MIT
#include "core/plan_builder.h"

#include <linux/filter.h>
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

void check_together(const PlanDraft& draft) {
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

bool PlanDraft::joins(uint32_t type) const { return has(type) && !is_new(type); }

bool PlanDraft::joins_user_ahead() const { return joins(CLONE_NEWUSER) && is_new(CLONE_NEWPID); }

Result<PlanDraft> build_plan(const Json& spec, PlanFor purpose) {
  PlanDraft draft;
  try {
    Node config(&spec);
    if (!spec.is_object()) bad("", "", "it must be an object");
    check_version(config["ociVersion"]);
    plan_parts::read_process(config["process"], draft);
    plan_parts::read_mounts(config["mounts"], draft);
    plan_parts::read_linux(config["linux"], draft);
    draft.readonly_root = config["root"]["readonly"].flag();
    read_names(config, draft);
    complete_mappings(draft);
    if (purpose == PlanFor::container) draft.affinity.clear();  // it is for exec alone
    check_together(draft);
  } catch (plan_json::Bad& bad) {
    return std::unexpected(std::move(bad.error));
  }
  return draft;
}

bool notifies(const std::string& filter) {
  const auto* at = reinterpret_cast<const sock_filter*>(filter.data());
  return std::any_of(at, at + filter.size() / sizeof *at, [](const sock_filter& one) {
    return one.code == (BPF_RET | BPF_K) && (one.k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF;
  });
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
      flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    } else {
      return error("unknown seccomp flag", name,
                   "use SECCOMP_FILTER_FLAG_LOG, _SPEC_ALLOW, _TSYNC or _WAIT_KILLABLE_RECV");
    }
  }
  return flags;
}

}  // namespace rcrt
