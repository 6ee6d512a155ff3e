// SPDX-License-Identifier: MIT
// What the kernel's schedulers and its memory are told of a process.
#include <linux/mempolicy.h>
#include <linux/sched.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "core/plan_parts.h"

namespace rcrt {
namespace {

constexpr unsigned kMaxNodes = 1024;  // of the largest kernels

const std::map<std::string, int> kMemoryModes = {
    {"MPOL_DEFAULT", MPOL_DEFAULT}, {"MPOL_PREFERRED", MPOL_PREFERRED},
    {"MPOL_BIND", MPOL_BIND},       {"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
    {"MPOL_LOCAL", MPOL_LOCAL},     {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
    {"MPOL_WEIGHTED_INTERLEAVE", 6}};  // since Linux 6.9
const std::map<std::string, int> kMemoryFlags = {{"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
                                                 {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
                                                 {"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING}};

std::vector<std::string> names(const std::map<std::string, int>& known) {
  std::vector<std::string> list;
  for (auto& [name, value] : known) list.push_back(name);
  return list;
}

}  // namespace

std::vector<std::string> known_memory_modes() { return names(kMemoryModes); }
std::vector<std::string> known_memory_flags() { return names(kMemoryFlags); }

std::optional<std::vector<uint64_t>> bit_set(std::string_view list, unsigned most) {
  std::vector<uint64_t> bits;
  const char *at = list.data(), *end = at + list.size();
  auto number = [&](unsigned& value) {
    auto [after, code] = std::from_chars(at, end, value);
    at = after;
    return code == std::errc() && value < most;
  };
  for (;;) {
    unsigned first, last;
    if (!number(first)) return std::nullopt;
    last = first;
    if (at != end && *at == '-') {
      ++at;
      if (!number(last) || last < first) return std::nullopt;
    }
    bits.resize(std::max<size_t>(bits.size(), last / 64 + 1));
    for (unsigned bit = first; bit <= last; ++bit) bits[bit / 64] |= 1ULL << (bit % 64);
    if (at == end) return bits;
    if (*at++ != ',') return std::nullopt;
  }
}

namespace plan_parts {
namespace {

using plan_json::bad;
using plan_json::Node;

std::vector<uint64_t> read_list(const Node& node, unsigned most) {
  std::string text = node.text_or("");
  if (text.empty()) return {};
  auto bits = bit_set(text, most);
  if (!bits) bad(node.path(), text, "use a list of numbers below " + std::to_string(most) + ", as 0-3,7");
  return *bits;
}

}  // namespace

void read_scheduler(const Node& node, PlanDraft& draft) {
  if (!node.present()) return;
  static const std::map<std::string, uint32_t> kPolicies = {{"SCHED_OTHER", SCHED_NORMAL},
                                                            {"SCHED_FIFO", SCHED_FIFO},
                                                            {"SCHED_RR", SCHED_RR},
                                                            {"SCHED_BATCH", SCHED_BATCH},
                                                            {"SCHED_IDLE", SCHED_IDLE},
                                                            {"SCHED_DEADLINE", SCHED_DEADLINE},
                                                            {"SCHED_ISO", 4}};
  static const std::map<std::string, uint64_t> kFlags = {
      {"SCHED_FLAG_RESET_ON_FORK", 0x01}, {"SCHED_FLAG_RECLAIM", 0x02},
      {"SCHED_FLAG_DL_OVERRUN", 0x04},    {"SCHED_FLAG_KEEP_POLICY", 0x08},
      {"SCHED_FLAG_KEEP_PARAMS", 0x10},   {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
      {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}};
  PlanDraft::Scheduler scheduler;
  std::string policy = node["policy"].text();
  auto found = kPolicies.find(policy);
  if (found == kPolicies.end())
    bad(node["policy"].path(), policy,
        "use SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_ISO, SCHED_IDLE or SCHED_DEADLINE");
  scheduler.policy = found->second;
  if (node["nice"].present()) scheduler.nice = static_cast<int32_t>(node["nice"].integer(-20, 19));
  if (node["priority"].present()) scheduler.priority = static_cast<uint32_t>(node["priority"].integer(0, 99));
  for (auto& flag : node["flags"].items()) {
    auto known = kFlags.find(flag.text());
    if (known == kFlags.end())
      bad(flag.path(), flag.text(), "use a flag of sched_setattr(2), as SCHED_FLAG_RECLAIM");
    scheduler.flags |= known->second;
  }
  if (node["runtime"].present()) scheduler.runtime = node["runtime"].natural();
  if (node["deadline"].present()) scheduler.deadline = node["deadline"].natural();
  if (node["period"].present()) scheduler.period = node["period"].natural();
  draft.scheduler = scheduler;
}

void read_io_priority(const Node& node, PlanDraft& draft) {
  if (!node.present()) return;
  static const std::map<std::string, int> kClasses = {
      {"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}};
  std::string name = node["class"].text();
  auto found = kClasses.find(name);
  if (found == kClasses.end())
    bad(node["class"].path(), name, "use IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE");
  int priority = node["priority"].present() ? static_cast<int>(node["priority"].integer(0, 7)) : 0;
  draft.io_priority = found->second << 13 | priority;
}

void read_affinity(const Node& node, PlanDraft& draft) {
  read_list(node["initial"], kMaxCpus);
  draft.affinity = read_list(node["final"], kMaxCpus);
}

void read_memory_policy(const Node& node, PlanDraft& draft) {
  if (!node.present()) return;
  PlanDraft::MemoryPolicy policy;
  std::string mode = node["mode"].text();
  auto found = kMemoryModes.find(mode);
  if (found == kMemoryModes.end())
    bad(node["mode"].path(), mode,
        "use MPOL_DEFAULT, MPOL_BIND, MPOL_INTERLEAVE, MPOL_WEIGHTED_INTERLEAVE, "
        "MPOL_PREFERRED, MPOL_PREFERRED_MANY or MPOL_LOCAL");
  policy.mode = found->second;
  policy.nodes = read_list(node["nodes"], kMaxNodes);
  for (auto& item : node["flags"].items()) {
    auto flag = kMemoryFlags.find(item.text());
    if (flag == kMemoryFlags.end())
      bad(item.path(), item.text(),
          "use MPOL_F_NUMA_BALANCING, MPOL_F_RELATIVE_NODES or MPOL_F_STATIC_NODES");
    policy.mode |= flag->second;
  }
  draft.memory_policy = std::move(policy);
}

}  // namespace plan_parts
}  // namespace rcrt
