// SPDX-License-Identifier: MIT
// The kernel verifies and translates the program for every container, and takes longer the
// longer it is: rules that allow a device wholly share the comparisons they begin with.
#include <algorithm>
#include <cstddef>
#include <tuple>

#include "devices.h"

namespace rcrt::cgroup {
namespace {

constexpr uint32_t kAll = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
constexpr int kType = BPF_REG_2, kLeft = BPF_REG_3, kMajor = BPF_REG_4, kMinor = BPF_REG_5;

bpf_insn insn(int code, int dst, int src, int offset, int64_t immediate) {
  bpf_insn made{};
  made.code = static_cast<uint8_t>(code);
  made.dst_reg = static_cast<uint8_t>(dst & 15);
  made.src_reg = static_cast<uint8_t>(src & 15);
  made.off = static_cast<int16_t>(offset);
  made.imm = static_cast<int32_t>(immediate);
  return made;
}

bpf_insn load(int dst, size_t offset) {
  return insn(BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, static_cast<int>(offset), 0);
}
bpf_insn alu(int operation, int dst, int64_t immediate) {
  return insn(BPF_ALU | operation | BPF_K, dst, 0, 0, immediate);
}
bpf_insn copy(int dst, int src) { return insn(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0); }

class Builder {
 public:
  std::vector<bpf_insn> made(const std::vector<DeviceRule>& rules) {
    program_ = {
        load(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
        copy(kLeft, kType),  // the accesses still to be decided
        alu(BPF_RSH, kLeft, 16),
        alu(BPF_AND, kType, 0xffff),
        load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
        load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
    };
    // Last rule first: a later rule overrides an earlier one.
    std::vector<DeviceRule> allowing;
    for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
      if (rule->allow) {
        allowing.push_back(*rule);
        continue;
      }
      if (allow(std::move(allowing))) return finished(1);
      allowing = {};
      if (deny(*rule)) return finished(0);
    }
    return finished(allow(std::move(allowing)) ? 1 : 0);
  }

 private:
  using Jumps = std::vector<size_t>;  // whose target is yet to come

  void jump(int operation, int dst, int64_t immediate, Jumps& to) {
    to.push_back(program_.size());
    program_.push_back(insn(BPF_JMP | operation | BPF_K, dst, 0, 0, immediate));
  }
  void lead_here(const Jumps& jumps) {
    for (size_t at : jumps) program_[at].off = static_cast<int16_t>(program_.size() - at - 1);
  }
  void verdict(int value) {
    program_.push_back(insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value));
    program_.push_back(insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  }
  static int kernel_type(char type) { return type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR; }

  // Leads a device the rule does not speak of on.
  void match(const DeviceRule& rule, Jumps& on) {
    if (rule.type != 'a') jump(BPF_JNE, kType, kernel_type(rule.type), on);
    if (rule.major >= 0) jump(BPF_JNE, kMajor, rule.major, on);
    if (rule.minor >= 0) jump(BPF_JNE, kMinor, rule.minor, on);
  }

  // True when every access is denied: what follows would never be reached, and the kernel
  // refuses a program with code nothing leads to.
  bool deny(const DeviceRule& rule) {
    Jumps on;
    match(rule, on);
    if (on.empty() && rule.access == kAll) return true;
    if (rule.access != kAll) {
      program_.push_back(copy(BPF_REG_0, kLeft));
      program_.push_back(alu(BPF_AND, BPF_REG_0, rule.access));
      jump(BPF_JEQ, BPF_REG_0, 0, on);
    }
    verdict(0);
    lead_here(on);
    return false;
  }

  // Rules with no denying one between them: their order does not matter. True as above.
  bool allow(std::vector<DeviceRule> rules) {
    auto order = [](const DeviceRule& rule) {
      return std::tuple(rule.access != kAll, rule.type, rule.major, rule.minor);
    };
    std::sort(rules.begin(), rules.end(), [&](const auto& a, const auto& b) { return order(a) < order(b); });
    auto partly =
        std::find_if(rules.begin(), rules.end(), [](const auto& rule) { return rule.access != kAll; });
    for (auto from = rules.begin(); from != partly;) {
      auto to = std::find_if(from, partly, [&](const auto& rule) { return rule.type != from->type; });
      if (allow_of_type(from, to)) return true;
      from = to;
    }
    for (; partly != rules.end(); ++partly) {
      Jumps on;
      match(*partly, on);
      program_.push_back(alu(BPF_AND, kLeft, kAll & ~partly->access));
      jump(BPF_JEQ, kLeft, 0, allowed_);
      lead_here(on);
    }
    return false;
  }

  using Rule = std::vector<DeviceRule>::const_iterator;

  bool allow_of_type(Rule from, Rule to) {
    Jumps on;
    const bool every_device = from->major < 0 && from->minor < 0;
    if (from->type == 'a') {
      if (every_device) return true;
    } else if (every_device) {
      jump(BPF_JEQ, kType, kernel_type(from->type), allowed_);
      return false;
    } else {
      jump(BPF_JNE, kType, kernel_type(from->type), on);
    }
    while (from != to) {
      auto next = std::find_if(from, to, [&](const auto& rule) { return rule.major != from->major; });
      Jumps to_next;
      if (from->minor < 0) {
        jump(BPF_JEQ, kMajor, from->major, allowed_);
      } else {
        if (from->major >= 0) jump(BPF_JNE, kMajor, from->major, to_next);
        for (; from != next; ++from) jump(BPF_JEQ, kMinor, from->minor, allowed_);
      }
      lead_here(to_next);
      from = next;
    }
    lead_here(on);
    return false;
  }

  std::vector<bpf_insn> finished(int value) {
    if (value == 1) lead_here(allowed_);
    verdict(value);
    if (value == 1 || allowed_.empty()) return std::move(program_);
    lead_here(allowed_);
    verdict(1);
    return std::move(program_);
  }

  std::vector<bpf_insn> program_;
  Jumps allowed_;
};

}  // namespace

std::vector<bpf_insn> device_program(const std::vector<DeviceRule>& rules) { return Builder().made(rules); }

}  // namespace rcrt::cgroup
