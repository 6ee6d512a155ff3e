// SPDX-License-Identifier: MIT
// The device programs, run in a small eBPF interpreter that also refuses what the
// kernel's verifier refuses: jumps out of the program and code nothing leads to.
#include "devices.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <stdexcept>

namespace rcrt::cgroup {
namespace {

using sdk::Json;

constexpr uint32_t kRead = BPF_DEVCG_ACC_READ, kWrite = BPF_DEVCG_ACC_WRITE, kMknod = BPF_DEVCG_ACC_MKNOD;

bool run(const std::vector<bpf_insn>& program, char type, uint32_t major, uint32_t minor, uint32_t access) {
  uint64_t r[11] = {};
  std::set<int> written = {1};
  const uint32_t context[3] = {access << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR), major,
                               minor};
  for (size_t at = 0; at < program.size(); ++at) {
    const bpf_insn& i = program[at];
    const auto imm = static_cast<uint64_t>(static_cast<int64_t>(i.imm));
    auto use = [&](int reg) {
      if (!written.contains(reg)) throw std::runtime_error("a register is read before it is written");
      return r[reg];
    };
    switch (i.code) {
      case BPF_LDX | BPF_MEM | BPF_W:
        r[i.dst_reg] = context[static_cast<size_t>(i.off) / 4];
        break;
      case BPF_ALU64 | BPF_MOV | BPF_X:
        r[i.dst_reg] = use(i.src_reg);
        break;
      case BPF_ALU64 | BPF_MOV | BPF_K:
        r[i.dst_reg] = imm;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        r[i.dst_reg] = static_cast<uint32_t>(use(i.dst_reg) & imm);
        continue;
      case BPF_ALU | BPF_RSH | BPF_K:
        r[i.dst_reg] = static_cast<uint32_t>(use(i.dst_reg)) >> imm;
        continue;
      case BPF_JMP | BPF_JNE | BPF_K:
        if (use(i.dst_reg) != imm) at += static_cast<size_t>(i.off);
        continue;
      case BPF_JMP | BPF_JEQ | BPF_K:
        if (use(i.dst_reg) == imm) at += static_cast<size_t>(i.off);
        continue;
      case BPF_JMP | BPF_EXIT:
        return use(0) == 1;
      default:
        throw std::runtime_error("unknown instruction");
    }
    written.insert(i.dst_reg);
  }
  throw std::runtime_error("the program runs off its end");
}

// What check_cfg of the kernel's verifier asks for.
bool all_reachable(const std::vector<bpf_insn>& program) {
  std::set<size_t> seen;
  std::vector<size_t> open = {0};
  while (!open.empty()) {
    size_t at = open.back();
    open.pop_back();
    if (at >= program.size()) return false;
    if (!seen.insert(at).second) continue;
    if (program[at].code == (BPF_JMP | BPF_EXIT)) continue;
    if (BPF_CLASS(program[at].code) == BPF_JMP) open.push_back(at + 1 + static_cast<size_t>(program[at].off));
    open.push_back(at + 1);
  }
  return seen.size() == program.size();
}

std::vector<DeviceRule> rules(const char* text) {
  auto parsed = parse_device_rules(Json{{"devices", Json::parse(text)}});
  EXPECT_TRUE(parsed) << parsed.error().object;
  return parsed ? *parsed : std::vector<DeviceRule>{};
}

std::vector<bpf_insn> program(const char* text) {
  auto made = device_program(rules(text));
  EXPECT_TRUE(all_reachable(made)) << text;
  return made;
}

constexpr char kDocker[] = R"([{"allow": false, "access": "rwm"},
  {"allow": true, "type": "c", "access": "m"}, {"allow": true, "type": "b", "access": "m"},
  {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
  {"allow": true, "type": "c", "major": 1, "minor": 5, "access": "rwm"},
  {"allow": true, "type": "c", "major": 136, "access": "rwm"},
  {"allow": true, "type": "c", "major": 5, "minor": 2, "access": "rwm"}])";

TEST(DeviceProgram, DockersRules) {
  auto made = program(kDocker);
  EXPECT_TRUE(run(made, 'c', 1, 3, kRead | kWrite));
  EXPECT_FALSE(run(made, 'b', 1, 3, kRead)) << "a block device is another device";
  EXPECT_TRUE(run(made, 'c', 136, 7, kRead | kWrite));
  EXPECT_FALSE(run(made, 'c', 10, 229, kRead));
  EXPECT_TRUE(run(made, 'b', 8, 0, kMknod));
  EXPECT_FALSE(run(made, 'b', 8, 0, kRead));
  EXPECT_FALSE(run(made, 'b', 8, 0, kMknod | kRead));
}

TEST(DeviceProgram, LaterRulesOverrideEarlierOnes) {
  auto made = program(
      R"([{"allow": true, "type": "c", "major": 1, "access": "rw"}, {"allow": false, "type": "c", "major": 1,
    "minor": 8, "access": "w"}])");
  EXPECT_TRUE(run(made, 'c', 1, 8, kRead));
  EXPECT_FALSE(run(made, 'c', 1, 8, kWrite));
  EXPECT_FALSE(run(made, 'c', 1, 8, kRead | kWrite));
  EXPECT_TRUE(run(made, 'c', 1, 9, kRead | kWrite));
  EXPECT_FALSE(run(made, 'c', 1, 9, kMknod));
}

TEST(DeviceProgram, TwoRulesTogetherMayAllowWhatNeitherDoes) {
  auto made = program(R"([{"allow": true, "type": "b", "major": 8, "minor": 1, "access": "r"},
    {"allow": true, "type": "b", "major": 8, "minor": 1, "access": "w"}])");
  EXPECT_TRUE(run(made, 'b', 8, 1, kRead | kWrite));
  EXPECT_FALSE(run(made, 'b', 8, 1, kRead | kMknod));
}

TEST(DeviceProgram, RulesForEverything) {
  EXPECT_TRUE(run(program(R"([{"allow": false}, {"allow": true}])"), 'b', 8, 0, kRead | kWrite | kMknod));
  auto all_but_one =
      program(R"([{"allow": true}, {"allow": false, "type": "b", "major": 8, "minor": 0, "access": "rwm"}])");
  EXPECT_FALSE(run(all_but_one, 'b', 8, 0, kRead));
  EXPECT_TRUE(run(all_but_one, 'b', 8, 1, kRead));
  EXPECT_FALSE(run(program(R"([{"allow": true, "type": "c", "major": 1, "minor": 3}, {"allow": false}])"),
                   'c', 1, 3, kRead));
}

// Against the meaning written down directly, for rules of every shape.
TEST(DeviceProgram, MeansWhatTheRulesSay) {
  uint32_t state = 12345;
  auto random = [&](uint32_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 16) % below;
  };
  for (int round = 0; round < 600; ++round) {
    std::vector<DeviceRule> list;
    for (uint32_t n = 1 + random(9); n > 0; --n)
      list.push_back({random(2) == 0, "abc"[random(3)], static_cast<int64_t>(random(4)) - 1,
                      static_cast<int64_t>(random(4)) - 1, random(2) == 0 ? 7 : 1 + random(7)});
    auto made = device_program(list);
    ASSERT_TRUE(all_reachable(made));
    for (char type : {'b', 'c'})
      for (uint32_t major = 0; major < 3; ++major)
        for (uint32_t minor = 0; minor < 3; ++minor)
          for (uint32_t access = 1; access < 8; ++access) {
            uint32_t allowed = 0;  // the accesses allowed after all rules, in order
            for (const auto& rule : list) {
              if (rule.type != 'a' && rule.type != type) continue;
              if (rule.major >= 0 && rule.major != static_cast<int64_t>(major)) continue;
              if (rule.minor >= 0 && rule.minor != static_cast<int64_t>(minor)) continue;
              allowed = rule.allow ? allowed | rule.access : allowed & ~rule.access;
            }
            ASSERT_EQ(run(made, type, major, minor, access), (access & ~allowed) == 0);
          }
  }
}

TEST(DeviceRules, WhatNeedsNoProgram) {
  EXPECT_TRUE(allows_everything({}));
  EXPECT_TRUE(allows_everything(rules(R"([{"allow": false}, {"allow": true, "access": "rwm"}])")));
  EXPECT_FALSE(allows_everything(rules(R"([{"allow": true}, {"allow": false, "type": "b"}])")));
  EXPECT_FALSE(allows_everything(rules(R"([{"allow": true, "type": "c"}])")));
}

TEST(DeviceRules, WhichNobodyAskedFor) {
  EXPECT_TRUE(only_default_devices(rules(kDocker)));
  EXPECT_FALSE(only_default_devices(
      rules(R"([{"allow": true, "type": "b", "major": 8, "minor": 0, "access": "r"}])")));
  EXPECT_FALSE(only_default_devices(rules(R"([{"allow": true, "type": "c", "major": 10, "minor": 229}])")));
  EXPECT_FALSE(only_default_devices(rules(R"([{"allow": false, "type": "c", "major": 1, "minor": 3}])")));
}

TEST(DeviceRules, ErrorsNameTheRule) {
  const struct {
    const char *text, *object, *value;
  } bad[] = {
      {R"({})", "linux.resources.devices", "it must be an array"},
      {R"([1])", "linux.resources.devices[0]", "it is 1, and it must be an object"},
      {R"([{}])", "linux.resources.devices[0].allow", "it must be true or false"},
      {R"([{"allow": 1}])", "linux.resources.devices[0].allow", "it is 1, and it must be true or false"},
      {R"([{"allow": true, "type": "x"}])", "linux.resources.devices[0].type", "it is \"x\", and it must be"},
      {R"([{"allow": true}, {"allow": true, "major": -2}])", "linux.resources.devices[1].major", "it is -2"},
      {R"([{"allow": true, "minor": 4294967296}])", "linux.resources.devices[0].minor", "it is 4294967296"},
      {R"([{"allow": true, "minor": 18446744073709551615}])", "linux.resources.devices[0].minor",
       "it is 18446744073709551615, and it must be a device number, or -1"},
      {R"([{"allow": true, "access": "rx"}])", "linux.resources.devices[0].access",
       "it is \"rx\", and it must be made of the letters r, w and m"},
  };
  for (const auto& [text, object, value] : bad) {
    auto parsed = parse_device_rules(Json{{"devices", Json::parse(text)}});
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().object, object) << text;
    EXPECT_TRUE(parsed.error().hint.starts_with(value)) << text << parsed.error().hint;
  }
}

}  // namespace
}  // namespace rcrt::cgroup
