// SPDX-License-Identifier: MIT
// What the kernel's schedulers and its memory are told of a process.
#include <linux/mempolicy.h>
#include <linux/sched.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "core/plan_parts.h"
#include "core/word_table.h"

namespace rcrt {
namespace {

constexpr unsigned kMaxNodes = 1024;  // of the largest kernels

constexpr Word<int> kMemoryModes[] = {
    {"MPOL_DEFAULT", MPOL_DEFAULT}, {"MPOL_PREFERRED", MPOL_PREFERRED},
    {"MPOL_BIND", MPOL_BIND},       {"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
    {"MPOL_LOCAL", MPOL_LOCAL},     {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
    {"MPOL_WEIGHTED_INTERLEAVE", 6}};  // since Linux 6.9
constexpr Word<int> kMemoryFlags[] = {{"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
                                      {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
                                      {"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING}};

std::vector<std::string> names(std::span<const Word<int>> known) {
  std::vector<std::string> list;
  for (auto& [name, value] : known) list.emplace_back(name);
  std::ranges::sort(list);
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
  static constexpr Word<uint32_t> kPolicies[] = {{"SCHED_OTHER", SCHED_NORMAL},
                                                 {"SCHED_FIFO", SCHED_FIFO},
                                                 {"SCHED_RR", SCHED_RR},
                                                 {"SCHED_BATCH", SCHED_BATCH},
                                                 {"SCHED_IDLE", SCHED_IDLE},
                                                 {"SCHED_DEADLINE", SCHED_DEADLINE},
                                                 {"SCHED_ISO", 4}};
  static constexpr Word<uint64_t> kFlags[] = {
      {"SCHED_FLAG_RESET_ON_FORK", 0x01}, {"SCHED_FLAG_RECLAIM", 0x02},
      {"SCHED_FLAG_DL_OVERRUN", 0x04},    {"SCHED_FLAG_KEEP_POLICY", 0x08},
      {"SCHED_FLAG_KEEP_PARAMS", 0x10},   {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
      {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}};
  PlanDraft::Scheduler scheduler;
  std::string policy = node["policy"].text();
  const uint32_t* number = value_of(kPolicies, policy);
  if (number == nullptr)
    bad(node["policy"].path(), policy,
        "use SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_ISO, SCHED_IDLE or SCHED_DEADLINE");
  scheduler.policy = *number;
  if (node["nice"].present()) scheduler.nice = static_cast<int32_t>(node["nice"].integer(-20, 19));
  if (node["priority"].present()) scheduler.priority = static_cast<uint32_t>(node["priority"].integer(0, 99));
  for (auto& flag : node["flags"].items()) {
    const uint64_t* bit = value_of(kFlags, flag.text());
    if (bit == nullptr)
      bad(flag.path(), flag.text(), "use a flag of sched_setattr(2), as SCHED_FLAG_RECLAIM");
    scheduler.flags |= *bit;
  }
  if (node["runtime"].present()) scheduler.runtime = node["runtime"].natural();
  if (node["deadline"].present()) scheduler.deadline = node["deadline"].natural();
  if (node["period"].present()) scheduler.period = node["period"].natural();
  draft.scheduler = scheduler;
}

void read_io_priority(const Node& node, PlanDraft& draft) {
  if (!node.present()) return;
  static constexpr Word<int> kClasses[] = {
      {"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}};
  std::string name = node["class"].text();
  const int* number = value_of(kClasses, name);
  if (number == nullptr)
    bad(node["class"].path(), name, "use IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE");
  int priority = node["priority"].present() ? static_cast<int>(node["priority"].integer(0, 7)) : 0;
  draft.io_priority = *number << 13 | priority;
}

void read_affinity(const Node& node, PlanDraft& draft) {
  read_list(node["initial"], kMaxCpus);
  draft.affinity = read_list(node["final"], kMaxCpus);
}

void read_memory_policy(const Node& node, PlanDraft& draft) {
  if (!node.present()) return;
  PlanDraft::MemoryPolicy policy;
  std::string mode = node["mode"].text();
  const int* number = value_of(kMemoryModes, mode);
  if (number == nullptr)
    bad(node["mode"].path(), mode,
        "use MPOL_DEFAULT, MPOL_BIND, MPOL_INTERLEAVE, MPOL_WEIGHTED_INTERLEAVE, "
        "MPOL_PREFERRED, MPOL_PREFERRED_MANY or MPOL_LOCAL");
  policy.mode = *number;
  policy.nodes = read_list(node["nodes"], kMaxNodes);
  for (auto& item : node["flags"].items()) {
    const int* flag = value_of(kMemoryFlags, item.text());
    if (flag == nullptr)
      bad(item.path(), item.text(),
          "use MPOL_F_NUMA_BALANCING, MPOL_F_RELATIVE_NODES or MPOL_F_STATIC_NODES");
    policy.mode |= *flag;
  }
  draft.memory_policy = std::move(policy);
}

}  // namespace plan_parts
}  // namespace rcrt
