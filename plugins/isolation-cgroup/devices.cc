// SPDX-License-Identifier: MIT
#include "devices.h"

#include <sys/syscall.h>

#include <algorithm>

#include "base/fault.h"

namespace rcrt::cgroup {
namespace {

constexpr uint32_t kAll = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
static_assert(kAll == 7);

// What is wrong with a rule, at its member: "must be a string".
std::unexpected<sdk::Failure> bad(const sdk::Json& resources, const std::string& where, const char* why) {
  return sdk::fail_at(EINVAL, "bad device rule", resources, "linux.resources", where, why);
}

Expected<int64_t> device_number(const sdk::Json& resources, const sdk::Json& rule, const char* name,
                                const std::string& at) {
  auto it = rule.find(name);
  if (it == rule.end() || it->is_null()) return -1;
  const bool huge = it->is_number_unsigned() && it->get<uint64_t>() > INT32_MAX;
  if (!it->is_number_integer() || huge || it->get<int64_t>() < -1)
    return bad(resources, at + "." + name, "must be a device number, or -1 for any");
  return it->get<int64_t>();
}

long bpf(int command, bpf_attr& attr) { return ::syscall(SYS_bpf, command, &attr, sizeof attr); }

uint64_t pointer(const void* p) { return reinterpret_cast<uint64_t>(p); }

// The ids of the device programs attached to the group itself.
std::vector<uint32_t> attached_programs(int cgroup) {
  std::vector<uint32_t> ids(64);
  bpf_attr attr{};
  attr.query.target_fd = static_cast<uint32_t>(cgroup);
  attr.query.attach_type = BPF_CGROUP_DEVICE;
  attr.query.prog_ids = pointer(ids.data());
  attr.query.prog_cnt = static_cast<uint32_t>(ids.size());
  if (bpf(BPF_PROG_QUERY, attr) != 0) return {};
  ids.resize(attr.query.prog_cnt);
  return ids;
}

void detach(int cgroup, uint32_t id) {
  bpf_attr by_id{};
  by_id.prog_id = id;
  UniqueFd program(static_cast<int>(bpf(BPF_PROG_GET_FD_BY_ID, by_id)));
  if (!program) return;  // gone already
  bpf_attr attr{};
  attr.target_fd = static_cast<uint32_t>(cgroup);
  attr.attach_bpf_fd = static_cast<uint32_t>(program.get());
  attr.attach_type = BPF_CGROUP_DEVICE;
  (void)bpf(BPF_PROG_DETACH, attr);
}

}  // namespace

Expected<std::vector<DeviceRule>> parse_device_rules(const sdk::Json& resources) {
  std::vector<DeviceRule> rules;
  auto list = resources.find("devices");
  if (list == resources.end() || list->is_null()) return rules;
  if (!list->is_array()) return bad(resources, "linux.resources.devices", "must be an array");
  for (size_t i = 0; i < list->size(); ++i) {
    const sdk::Json& entry = (*list)[i];
    std::string at = "linux.resources.devices[" + std::to_string(i) + "]";
    if (!entry.is_object()) return bad(resources, at, "must be an object");
    DeviceRule rule;
    auto allow = entry.find("allow");
    if (allow == entry.end() || !allow->is_boolean())
      return bad(resources, at + ".allow", "must be true or false");
    rule.allow = allow->get<bool>();
    if (auto type = entry.find("type"); type != entry.end() && !type->is_null()) {
      const std::string* word = type->get_ptr<const std::string*>();
      if (!word || (*word != "a" && *word != "b" && *word != "c" && *word != "u" && !word->empty()))
        return bad(resources, at + ".type", "must be \"a\", \"b\" or \"c\"");
      if (!word->empty()) rule.type = (*word)[0] == 'u' ? 'c' : (*word)[0];
    }
    RCRT_ASSIGN(rule.major, device_number(resources, entry, "major", at));
    RCRT_ASSIGN(rule.minor, device_number(resources, entry, "minor", at));
    if (auto access = entry.find("access"); access != entry.end() && !access->is_null()) {
      const std::string* letters = access->get_ptr<const std::string*>();
      if (!letters || letters->find_first_not_of("rwm") != letters->npos)
        return bad(resources, at + ".access", "must be made of the letters r, w and m");
      if (!letters->empty()) {
        rule.access = 0;
        for (char c : *letters)
          rule.access |= c == 'r' ? BPF_DEVCG_ACC_READ : c == 'w' ? BPF_DEVCG_ACC_WRITE : BPF_DEVCG_ACC_MKNOD;
      }
    }
    rules.push_back(rule);
  }
  return rules;
}

bool allows_everything(const std::vector<DeviceRule>& rules) {
  // From the last back to one that lets all through, no rule may deny.
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
    if (!rule->allow) return false;
    if (rule->type == 'a' && rule->major < 0 && rule->minor < 0 && rule->access == kAll) return true;
  }
  return rules.empty();
}

bool only_default_devices(const std::vector<DeviceRule>& rules) {
  static constexpr struct {
    int64_t major, minor;  // character devices
  } kDefault[] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}, {136, -1}};
  return std::all_of(rules.begin(), rules.end(), [](const DeviceRule& rule) {
    if (!rule.allow) return rule.type == 'a' && rule.major < 0 && rule.minor < 0 && rule.access == kAll;
    if (rule.access == BPF_DEVCG_ACC_MKNOD) return true;
    return rule.type == 'c' && std::any_of(std::begin(kDefault), std::end(kDefault), [&](const auto& device) {
             return device.major == rule.major && (device.minor == rule.minor || device.minor < 0);
           });
  });
}

Status attach_device_program(int cgroup, const std::vector<bpf_insn>& program) {
  static const char kHint[] = "a kernel with CONFIG_CGROUP_BPF and the capability CAP_SYS_ADMIN are needed";
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = pointer(program.data());
  attr.insn_cnt = static_cast<uint32_t>(program.size());
  attr.license = pointer("MIT");
  fault_point("cgroup: load device program");
  UniqueFd loaded(static_cast<int>(bpf(BPF_PROG_LOAD, attr)));
  if (!loaded) return sdk::fail_errno("cannot load the device access program", {}, kHint);

  auto before = attached_programs(cgroup);
  bpf_attr place{};
  place.target_fd = static_cast<uint32_t>(cgroup);
  place.attach_bpf_fd = static_cast<uint32_t>(loaded.get());
  place.attach_type = BPF_CGROUP_DEVICE;
  place.attach_flags = BPF_F_ALLOW_MULTI;  // groups the container makes may add their own
  fault_point("cgroup: attach device program");
  if (bpf(BPF_PROG_ATTACH, place) != 0)
    return sdk::fail_errno("cannot attach the device access program to the cgroup", {}, kHint);
  fault_point("cgroup: device program attached");
  for (uint32_t id : before) detach(cgroup, id);
  return {};
}

}  // namespace rcrt::cgroup
