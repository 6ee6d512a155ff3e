// SPDX-License-Identifier: MIT
#include "resources.h"

#include <gtest/gtest.h>

#include <map>

#include "hierarchy.h"
#include "weights.h"

namespace rcrt::cgroup {
namespace {

using sdk::Json;

// "file=value" of each setting.
std::vector<std::string> written(const char* resources, bool updating = false) {
  auto settings = convert(Json::parse(resources), updating);
  EXPECT_TRUE(settings) << settings.error().object << " " << settings.error().hint;
  std::vector<std::string> list;
  if (settings)
    for (const auto& setting : settings->list) list.push_back(setting.file + "=" + setting.value);
  return list;
}
using List = std::vector<std::string>;

TEST(Convert, NothingAskedIsNothingWritten) {
  EXPECT_EQ(written("{}"), List{});
  EXPECT_EQ(
      written(
          R"({"memory": {"limit": -1, "swap": -1}, "pids": {"limit": 0}, "cpu": {"quota": -1, "period": 100000,
    "shares": 1024}, "devices": [], "hugepageLimits": [{"pageSize": "2MB", "limit": 9223372036854775808}]})"),
      List{});
}

TEST(Convert, AnUpdateWritesDefaultsToo) {
  EXPECT_EQ(written(R"({"memory": {"limit": -1}, "pids": {"limit": -1}, "cpu": {"quota": -1}})", true),
            (List{"memory.max=max", "cpu.max=max 100000", "pids.max=max"}));
}

TEST(Convert, MemoryAndSwap) {
  EXPECT_EQ(written(R"({"memory": {"limit": 100, "swap": 150, "reservation": 50}})"),
            (List{"memory.max=100", "memory.swap.max=50", "memory.low=50"}));
  EXPECT_EQ(written(R"({"memory": {"limit": 100, "swap": 100}})"),
            (List{"memory.max=100", "memory.swap.max=0"}));
  EXPECT_EQ(written(R"({"memory": {"limit": 100, "swap": -1}})"), (List{"memory.max=100"}));
}

TEST(Convert, Cpu) {
  EXPECT_EQ(written(R"({"cpu": {"quota": 50000}})"), (List{"cpu.max=50000 100000"}));
  EXPECT_EQ(
      written(
          R"({"cpu": {"quota": 50000, "period": 20000, "burst": 5, "idle": 1, "cpus": "0-1", "mems": "0"}})"),
      (List{"cpu.max=50000 20000", "cpu.max.burst=5", "cpu.idle=1", "cpuset.cpus=0-1", "cpuset.mems=0"}));
}

TEST(Convert, SharesOnTheCurve) {
  const std::map<uint64_t, uint64_t> known = {{0, 1},      {1, 1},          {2, 1},
                                              {1024, 100}, {2048, 174},     {512, 59},
                                              {4096, 303}, {262144, 10000}, {1 << 20, 10000}};
  for (const auto& [shares, weight] : known) EXPECT_EQ(weight_of_shares(shares), weight) << shares;
  uint64_t last = 0;
  for (uint64_t shares = 2; shares < 262144; ++shares) {
    uint64_t weight = weight_of_shares(shares);
    ASSERT_GE(weight, last) << shares;
    ASSERT_LE(weight, 10000u);
    last = weight;
  }
}

TEST(Convert, BlockIo) {
  EXPECT_EQ(
      written(R"({"blockIO": {"weight": 100, "weightDevice": [{"major": 8, "minor": 0, "weight": 500}],
    "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1000}],
    "throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 7}]}})"),
      (List{"io.bfq.weight=100", "io.bfq.weight=8:0 500", "io.max=8:0 rbps=1000", "io.max=8:16 wiops=7"}));
  EXPECT_EQ(io_weight_of_blkio(10), 1u);
  EXPECT_EQ(io_weight_of_blkio(1000), 10000u);
  auto settings = convert(Json::parse(R"({"blockIO": {"weight": 1000}})"), false);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->list[0].other_file, "io.weight");
  EXPECT_EQ(settings->list[0].other_value, "10000");
}

TEST(Convert, HugePagesRdmaUnified) {
  EXPECT_EQ(
      written(R"({"hugepageLimits": [{"pageSize": "1GB", "limit": 0}],
    "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 100}},
    "unified": {"memory.high": "5", "io.max": "8:0 rbps=1\n8:16 rbps=2\n", "cgroup.max.depth": "1"}})"),
      (List{"hugetlb.1GB.max=0", "hugetlb.1GB.rsvd.max=0", "rdma.max=mlx5_1 hca_handle=3 hca_object=100",
            "cgroup.max.depth=1", "io.max=8:0 rbps=1", "io.max=8:16 rbps=2", "memory.high=5"}));
  auto settings = convert(Json::parse(R"({"unified": {"cgroup.max.depth": "1", "misc.max": "a 1"}})"), false);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->controllers(), std::set<std::string>{"misc"}) << "cgroup.* needs no controller";
}

TEST(Convert, WhatV2CannotDoIsSaid) {
  auto settings = convert(Json::parse(R"({"memory": {"swappiness": 10}, "network": {"classID": 1}})"), false);
  ASSERT_TRUE(settings);
  EXPECT_TRUE(settings->list.empty());
  EXPECT_EQ(settings->ignored.size(), 2u);
}

TEST(Convert, ErrorsNameTheMember) {
  const std::map<std::string, std::string> bad = {
      {R"([])", "linux.resources"},
      {R"({"memory": 1})", "linux.resources.memory"},
      {R"({"memory": {"limit": "64m"}})", "linux.resources.memory.limit"},
      {R"({"memory": {"limit": 18446744073709551615}})", "linux.resources.memory.limit"},
      {R"({"memory": {"swap": 5}})", "linux.resources.memory.swap"},
      {R"({"memory": {"limit": 5, "swap": 4}})", "linux.resources.memory.swap"},
      {R"({"cpu": {"quota": 10}})", "linux.resources.cpu.quota"},
      {R"({"cpu": {"quota": 5000, "period": 1}})", "linux.resources.cpu.period"},
      {R"({"cpu": {"idle": 2}})", "linux.resources.cpu.idle"},
      {R"({"cpu": {"cpus": "0\n1"}})", "linux.resources.cpu.cpus"},
      {R"({"blockIO": {"weight": 5}})", "linux.resources.blockIO.weight"},
      {R"({"blockIO": {"throttleReadBpsDevice": [{"major": 8, "rate": 1}]}})",
       "linux.resources.blockIO.throttleReadBpsDevice[0]"},
      {R"({"hugepageLimits": [{"pageSize": "../x", "limit": 1}]})",
       "linux.resources.hugepageLimits[0].pageSize"},
      {R"({"hugepageLimits": [{"pageSize": "2MB", "limit": -7}]})",
       "linux.resources.hugepageLimits[0].limit"},
      {R"({"memory": {"disableOOMKiller": "no"}})", "linux.resources.memory.disableOOMKiller"},
      {R"({"memory": {"useHierarchy": 1}})", "linux.resources.memory.useHierarchy"},
      {R"({"memory": {"checkBeforeUpdate": []}})", "linux.resources.memory.checkBeforeUpdate"},
      {R"({"blockIO": {"leafWeight": "10"}})", "linux.resources.blockIO.leafWeight"},
      {R"({"blockIO": {"weightDevice": [5]}})", "linux.resources.blockIO.weightDevice[0]"},
      {R"({"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "leafWeight": -1}]}})",
       "linux.resources.blockIO.weightDevice[0].leafWeight"},
      {R"({"network": {"classID": "1"}})", "linux.resources.network.classID"},
      {R"({"network": {"priorities": {}}})", "linux.resources.network.priorities"},
      {R"({"network": {"priorities": [{"name": 1, "priority": 1}]}})",
       "linux.resources.network.priorities[0].name"},
      {R"({"network": {"priorities": [{"name": "eth0", "priority": -1}]}})",
       "linux.resources.network.priorities[0].priority"},
      {R"({"unified": {"../../x.y": "1"}})", "linux.resources.unified[\"../../x.y\"]"},
      {R"({"unified": {"cgroup.procs": "1"}})", "linux.resources.unified[\"cgroup.procs\"]"},
      {R"({"unified": {"memory.max": 5}})", "linux.resources.unified[\"memory.max\"]"},
  };
  for (const auto& [text, member] : bad) {
    auto settings = convert(Json::parse(text), false);
    ASSERT_FALSE(settings) << text;
    EXPECT_EQ(settings.error().object, member) << text;
    EXPECT_FALSE(settings.error().hint.empty()) << text;
  }
}

TEST(Convert, ShowsTheBadValue) {
  auto settings =
      convert(Json::parse(R"({"network": {"priorities": [{"name": "eth0", "priority": -1}]}})"), false);
  ASSERT_FALSE(settings);
  EXPECT_TRUE(settings.error().hint.starts_with("it is -1, and it must")) << settings.error().hint;
  settings = convert(Json::parse(R"({"unified": {"memory.max": 5}})"), false);
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().hint, "it is 5, and it must be a string");
}

TEST(Hierarchy, PathsThatLeadElsewhereAreRefused) {
  for (const char* bad : {"", "/", "x", "/a/../b", "/..", "/a/./b", "/a\nb"})
    EXPECT_FALSE(split_path(bad)) << bad;
  auto good = split_path("/rcrt//c1/");
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, (std::vector<std::string>{"rcrt", "c1"}));
}

constexpr char kHybrid[] =
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:1 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /mnt/with\\040space rw - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

TEST(Hierarchy, MountinfoOfAHybridMachine) {
  CgroupMounts mounts = parse_mountinfo(kHybrid);
  EXPECT_EQ(mounts.v2, std::vector<std::string>{"/sys/fs/cgroup/unified"});
  EXPECT_EQ(mounts.v1.at("cpu"), "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(mounts.v1.at("memory"), "/mnt/with space");
  EXPECT_FALSE(mounts.v1.contains("rw"));
}

TEST(Hierarchy, AMissingControllerIsExplained) {
  CgroupMounts mounts = parse_mountinfo(kHybrid);
  const char* cgroups =
      "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t1\t0\nblkio\t7\t1\t1\npids\t0\t5\t1\n";
  auto why = [&](const char* controller) {
    return missing_controller(controller, mounts, cgroups, "/cg").hint;
  };
  EXPECT_NE(why("cpu").find("bound to cgroup v1 at /sys/fs/cgroup/cpu,cpuacct"), std::string::npos);
  EXPECT_NE(why("io").find("not mounted here"), std::string::npos) << "io is v1's blkio";
  EXPECT_NE(why("pids").find("not handed down to /cg"), std::string::npos);
  EXPECT_NE(why("rdma").find("this kernel does not have it"), std::string::npos);
  mounts.v1.clear();
  EXPECT_NE(why("memory").find("cgroup_disable=memory"), std::string::npos);
}

}  // namespace
}  // namespace rcrt::cgroup
