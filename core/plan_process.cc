// SPDX-License-Identifier: MIT
#include <linux/sched.h>
#include <sys/resource.h>

#include <algorithm>

#include "core/capabilities.h"
#include "core/plan_parts.h"
#include "core/word_table.h"

namespace rcrt::plan_parts {
namespace {

using plan_json::bad;
using plan_json::Node;

constexpr Word<uint32_t> kRlimits[] = {
    {"RLIMIT_CPU", RLIMIT_CPU},           {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_DATA", RLIMIT_DATA},         {"RLIMIT_STACK", RLIMIT_STACK},
    {"RLIMIT_CORE", RLIMIT_CORE},         {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_NPROC", RLIMIT_NPROC},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},   {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},       {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},     {"RLIMIT_RTTIME", RLIMIT_RTTIME}};

uint64_t read_capabilities(const Node& set) {
  uint64_t mask = 0;
  for (auto& item : set.items()) {
    std::string name = item.text();
    auto found = std::ranges::find(capabilities(), name);
    if (found == capabilities().end()) bad(item.path(), name, "use a name of capabilities(7), as CAP_CHOWN");
    mask |= 1ULL << (found - capabilities().begin());
  }
  return mask;
}

void read_user(const Node& user, PlanDraft& draft) {
  if (!user.present()) return;
  if (user["uid"].present()) draft.uid = user["uid"].id();
  if (user["gid"].present()) draft.gid = user["gid"].id();
  for (auto& group : user["additionalGids"].items()) draft.groups.push_back(group.id());
  if (draft.groups.size() > 65536)
    bad(user["additionalGids"].path(), "", "the kernel takes 65536 groups at most");
  if (user["umask"].present()) draft.umask = static_cast<uint32_t>(user["umask"].integer(0, 0777));
}

void read_rlimits(const Node& rlimits, PlanDraft& draft) {
  for (auto& item : rlimits.items()) {
    std::string name = item["type"].text();
    const uint32_t* resource = value_of(kRlimits, name);
    if (resource == nullptr) bad(item["type"].path(), name, "use a name of getrlimit(2), as RLIMIT_NOFILE");
    PlanDraft::Rlimit limit{*resource, item["soft"].natural(), item["hard"].natural()};
    if (limit.soft > limit.hard)
      bad(item["soft"].path(), std::to_string(limit.soft), "it is above the hard limit");
    for (auto& other : draft.rlimits)
      if (other.resource == limit.resource) bad(item["type"].path(), name, "it is given twice");
    draft.rlimits.push_back(limit);
  }
}

}  // namespace

void read_process(const Node& process, PlanDraft& draft) {
  if (!process.present()) bad("process", "", "it is required");
  draft.args = process["args"].texts();
  if (draft.args.empty()) bad("process.args", "", "it needs the command to run");
  if (draft.args[0].empty()) bad("process.args[0]", "", "it is the command and must not be empty");
  for (auto& item : process["env"].items()) {
    std::string variable = item.text();
    if (variable.find('=') == std::string::npos || variable[0] == '=')
      bad(item.path(), variable, "it must have the form NAME=value");
    draft.env.push_back(std::move(variable));
  }
  draft.cwd = process["cwd"].text();
  if (draft.cwd.empty() || draft.cwd[0] != '/') bad("process.cwd", draft.cwd, "it must be an absolute path");
  if (draft.cwd.size() >= 4096) bad("process.cwd", draft.cwd, "a path has at most 4095 bytes");
  read_user(process["user"], draft);
  draft.terminal = process["terminal"].flag();
  if (Node size = process["consoleSize"]; size.present())
    draft.console_size = {static_cast<uint16_t>(size["height"].integer(0, 65535)),
                          static_cast<uint16_t>(size["width"].integer(0, 65535))};
  draft.no_new_privileges = process["noNewPrivileges"].flag();
  Node capabilities = process["capabilities"];
  draft.bounding = read_capabilities(capabilities["bounding"]);
  draft.effective = read_capabilities(capabilities["effective"]);
  draft.permitted = read_capabilities(capabilities["permitted"]);
  draft.inheritable = read_capabilities(capabilities["inheritable"]);
  draft.ambient = read_capabilities(capabilities["ambient"]);
  read_rlimits(process["rlimits"], draft);
  if (process["oomScoreAdj"].present())
    draft.oom_score = static_cast<int>(process["oomScoreAdj"].integer(-1000, 1000));
  read_io_priority(process["ioPriority"], draft);
  read_scheduler(process["scheduler"], draft);
  std::string profile = process["apparmorProfile"].text_or("");
  if (!profile.empty()) draft.apparmor = "exec " + profile;
  draft.selinux = process["selinuxLabel"].text_or("");
  read_affinity(process["execCPUAffinity"], draft);
}

}  // namespace rcrt::plan_parts
