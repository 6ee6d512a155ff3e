// SPDX-License-Identifier: MIT
// Limits among the flags of `run`, as the configuration has them. What the kernel makes of them
// is tested where every controller is in cgroup v2 (tests/vm).
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class LimitsTest : public StageTest {
 protected:
  // linux.resources of `run --explain OPTIONS busybox true`, but for the devices.
  static Json resources(const std::vector<std::string>& options) {
    std::vector<std::string> words = {"run", "--explain"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"busybox", "true"});
    Output output = run(words);
    Json plan = Json::parse(output.out, nullptr, false);
    if (!plan.is_object()) {
      ADD_FAILURE() << output;
      return {};
    }
    Json found = plan["spec"]["linux"]["resources"];
    found.erase("devices");
    return found;
  }
  static void refused(const std::vector<std::string>& options, const std::string& says) {
    Output output = box(options, {"true"});
    EXPECT_EQ(output.code, 125) << says << output;
    EXPECT_THAT(output.err, AllOf(StartsWith("rcrt: "), HasSubstr(says)));
  }
  // A node of a disk that need not be there.
  static std::string disk() {
    std::string path = stage->dir() + "/disk";
    (void)mknod(path.c_str(), S_IFBLK | 0600, makedev(8, 16));
    return path;
  }
};

TEST_F(LimitsTest, NoneUnlessAskedFor) { EXPECT_EQ(resources({}), Json::object()); }

TEST_F(LimitsTest, Memory) {
  EXPECT_EQ(resources({"-m", "64m"}), (Json{{"memory", {{"limit", 64 << 20}}}}));
  EXPECT_EQ(resources({"--memory=1g", "--memory-reservation=512m", "--memory-swap=2g"}),
            (Json{{"memory", {{"limit", 1 << 30}, {"reservation", 512 << 20}, {"swap", int64_t{2} << 30}}}}));
  EXPECT_EQ(resources({"--memory=64m", "--memory-swap=-1"})["memory"]["swap"], -1);
  refused({"--memory=100k"}, "100k");
  refused({"--memory-swap=64m"}, "needs --memory");
  refused({"--memory=64m", "--memory-swap=32m"}, "below --memory");
}

TEST_F(LimitsTest, Processors) {
  EXPECT_EQ(resources({"--cpus=1.5"}), (Json{{"cpu", {{"period", 100000}, {"quota", 150000}}}}));
  EXPECT_EQ(resources({"--cpu-period=50000", "--cpu-quota=25000"}),
            (Json{{"cpu", {{"period", 50000}, {"quota", 25000}}}}));
  EXPECT_EQ(resources({"--cpu-shares=512", "--cpuset-cpus=0-1,3", "--cpuset-mems=0"}),
            (Json{{"cpu", {{"shares", 512}, {"cpus", "0-1,3"}, {"mems", "0"}}}}));
  EXPECT_EQ(resources({"--cpu-weight=200"}), (Json{{"unified", {{"cpu.weight", "200"}}}}));
  refused({"--cpus=1", "--cpu-quota=1000"}, "excludes");
  refused({"--cpus=0.001"}, "--cpus");
  refused({"--cpu-shares=1"}, "from 2 to 262144");
  refused({"--cpu-weight=10001"}, "from 1 to 10000");
}

TEST_F(LimitsTest, ZeroIsNoLimit) {
  EXPECT_EQ(resources({"--memory=0", "--memory-reservation=0", "--memory-swap=0", "--cpus=0",
                       "--cpu-quota=-1", "--cpu-shares=0", "--blkio-weight=0", "--pids-limit=0"}),
            Json::object());
}

TEST_F(LimitsTest, SomebodyHasToEnforceThem) {
  refused({"--isolation=seccomp", "--memory=64m"}, "nobody enforces the limit \"memory\"");
  refused({"--isolation=cgroup,cgroup"}, "named twice");
}

TEST_F(LimitsTest, Disks) {
  Json device = {{"major", 8}, {"minor", 16}};
  auto of = [&](const char* member, int64_t value) {
    Json entry = device;
    entry[member] = value;
    return Json::array({entry});
  };
  EXPECT_EQ(resources({"--blkio-weight=500", "--blkio-weight-device", disk() + ":100"}),
            (Json{{"blockIO", {{"weight", 500}, {"weightDevice", of("weight", 100)}}}}));
  EXPECT_EQ(resources({"--device-read-bps", disk() + ":1m", "--device-write-bps", disk() + ":2m",
                       "--device-read-iops", disk() + ":30", "--device-write-iops", disk() + ":40"}),
            (Json{{"blockIO",
                   {{"throttleReadBpsDevice", of("rate", 1 << 20)},
                    {"throttleWriteBpsDevice", of("rate", 2 << 20)},
                    {"throttleReadIOPSDevice", of("rate", 30)},
                    {"throttleWriteIOPSDevice", of("rate", 40)}}}}));
  refused({"--blkio-weight=9"}, "from 10 to 1000");
  refused({"--blkio-weight-device", disk() + ":1001"}, "out of range");
  refused({"--device-read-iops", disk() + ":1m"}, "out of range");
  refused({"--device-read-bps", "/dev/null:1m"}, "not a block device");
  refused({"--device-read-bps", "/dev/no-such:1m"}, "/dev/no-such");
}

TEST_F(LimitsTest, ProcessesAndFilesOfTheCgroup) {
  EXPECT_EQ(resources({"--pids-limit=100"}), (Json{{"pids", {{"limit", 100}}}}));
  EXPECT_EQ(resources({"--pids-limit=-1"}), Json::object());
  EXPECT_EQ(resources({"--cgroup-conf", "memory.high=64M", "--cgroup-conf=pids.max=7"}),
            (Json{{"unified", {{"memory.high", "64M"}, {"pids.max", "7"}}}}));
  refused({"--pids-limit=many"}, "many");
  refused({"--cgroup-conf", "../x=1"}, "../x=1");
}

TEST_F(LimitsTest, OomScore) {
  EXPECT_EQ(box({"--oom-score-adj=500"}, {"cat", "/proc/self/oom_score_adj"}).out, "500\n");
  refused({"--oom-score-adj=1001"}, "oomScoreAdj");
}

}  // namespace
}  // namespace rcrt::test
