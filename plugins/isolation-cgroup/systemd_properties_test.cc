// SPDX-License-Identifier: MIT
#include "systemd_properties.h"

#include <gtest/gtest.h>

namespace rcrt::cgroup {
namespace {

std::vector<UnitProperty> properties(const std::string& file, const std::string& value) {
  Settings settings;
  settings.list.push_back({"", file, value});
  return unit_properties(settings);
}

using List = std::vector<UnitProperty>;

TEST(UnitProperties, Numbers) {
  EXPECT_EQ(properties("memory.max", "67108864"), (List{{"MemoryMax", 67108864, {}}}));
  EXPECT_EQ(properties("memory.swap.max", "max"), (List{{"MemorySwapMax", UINT64_MAX, {}}}));
  EXPECT_EQ(properties("pids.max", "7"), (List{{"TasksMax", 7, {}}}));
  EXPECT_EQ(properties("cpu.weight", "200"), (List{{"CPUWeight", 200, {}}}));
}

TEST(UnitProperties, AQuotaIsInHundredthsOfAProcessor) {
  EXPECT_EQ(properties("cpu.max", "50000 100000"),
            (List{{"CPUQuotaPerSecUSec", 500'000, {}}, {"CPUQuotaPeriodUSec", 100'000, {}}}));
  EXPECT_EQ(properties("cpu.max", "33333 100000"),
            (List{{"CPUQuotaPerSecUSec", 340'000, {}}, {"CPUQuotaPeriodUSec", 100'000, {}}}));
  EXPECT_EQ(properties("cpu.max", "max 100000")[0].number, UINT64_MAX);
}

TEST(UnitProperties, SetsAreMasks) {
  EXPECT_EQ(properties("cpuset.cpus", "0-2,9"), (List{{"AllowedCPUs", 0, {0b111, 0b10}}}));
  EXPECT_EQ(properties("cpuset.mems", "0"), (List{{"AllowedMemoryNodes", 0, {1}}}));
  EXPECT_EQ(properties("cpuset.cpus", "2-1"), List{});
  EXPECT_EQ(properties("cpuset.cpus", "99999999"), List{});
}

TEST(UnitProperties, WhatSystemdDoesNotKnowIsLeftOut) {
  EXPECT_EQ(properties("memory.oom.group", "1"), List{});
  EXPECT_EQ(properties("memory.max", "much"), List{});
}

}  // namespace
}  // namespace rcrt::cgroup
