// SPDX-License-Identifier: MIT
// The plan builder against good and bad configurations. Unprivileged.
#include "launch/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>

#include "core/plan_builder.h"

namespace rcrt {
namespace {

using ::testing::HasSubstr;

Json good() {
  return Json::parse(R"({
    "ociVersion": "1.2.0",
    "process": {"args": ["sh"], "cwd": "/", "env": ["PATH=/bin"]},
    "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "network"}, {"type": "ipc"},
                             {"type": "uts"}]}
  })");
}

// The message of the error that `patch`, merged over a good configuration, gives.
std::string refusal(const char* patch) {
  Json config = good();
  config.merge_patch(Json::parse(patch));
  auto draft = build_plan(config);
  return draft ? "accepted" : draft.error().message();
}

PlanDraft accepted(const char* patch) {
  Json config = good();
  config.merge_patch(Json::parse(patch));
  auto draft = build_plan(config);
  EXPECT_TRUE(draft) << draft.error().message();
  return draft.value_or(PlanDraft{});
}

PlanDraft::Mount one_mount(const char* options) {
  std::string patch =
      std::string(R"({"mounts": [{"destination": "/m", "type": "tmpfs", "options": )") + options + "}]}";
  PlanDraft draft = accepted(patch.c_str());
  return draft.mounts.empty() ? PlanDraft::Mount{} : draft.mounts[0];
}

TEST(Plan, RefusalsNameMemberValueAndWhatIsAllowed) {
  EXPECT_EQ(
      "invalid configuration: linux.namespaces[0].type \"netz\"; use pid, network, mount, ipc, uts, user, "
      "cgroup or time",
      refusal(R"({"linux": {"namespaces": [{"type": "netz"}]}})"));
  EXPECT_THAT(refusal(R"({"process": {"args": []}})"), HasSubstr("process.args"));
  EXPECT_THAT(refusal(R"({"process": {"args": ["sh", 5]}})"),
              HasSubstr("process.args[1] \"5\"; it must be a string"));
  EXPECT_THAT(refusal(R"({"process": {"args": ["sh", "a\u0000b"]}})"), HasSubstr("process.args[1]"));
  EXPECT_THAT(refusal(R"({"process": {"cwd": "relative"}})"),
              HasSubstr("process.cwd \"relative\"; it must be an absolute path"));
  EXPECT_THAT(refusal(R"({"process": {"env": ["NOVALUE"]}})"), HasSubstr("process.env[0]"));
  EXPECT_THAT(refusal(R"({"process": null})"), HasSubstr("process"));
  EXPECT_THAT(refusal(R"({"ociVersion": "2.0"})"), HasSubstr("ociVersion"));
  EXPECT_THAT(refusal(R"({"hostname": "a", "linux": {"namespaces": [{"type": "mount"}]}})"),
              HasSubstr("hostname \"a\""));
  EXPECT_THAT(refusal(R"({"mounts": {}})"), HasSubstr("mounts \"{}\"; it must be an array"));
}

TEST(Plan, UsersAreExactNumbers) {
  EXPECT_EQ(4294967294U, accepted(R"({"process": {"user": {"uid": 4294967294}}})").uid);
  for (const char* uid : {"4294967295", "4294967296", "-1", "1.5", "\"0\"", "18446744073709551615"}) {
    std::string patch = std::string(R"({"process": {"user": {"uid": )") + uid + "}}}";
    EXPECT_THAT(refusal(patch.c_str()), HasSubstr("process.user.uid")) << uid;
  }
}

TEST(Plan, Capabilities) {
  EXPECT_EQ(1ULL << 40 | 1, accepted(R"({"process": {"capabilities":
      {"bounding": ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"]}}})")
                                .bounding);
  EXPECT_THAT(refusal(R"({"process": {"capabilities": {"ambient": ["CHOWN"]}}})"),
              HasSubstr("process.capabilities.ambient[0] \"CHOWN\""));
}

TEST(Plan, Rlimits) {
  EXPECT_THAT(refusal(R"({"process": {"rlimits": [{"type": "RLIMIT_X", "soft": 1, "hard": 1}]}})"),
              HasSubstr("RLIMIT_X"));
  EXPECT_THAT(refusal(R"({"process": {"rlimits": [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]}})"),
              HasSubstr("above the hard limit"));
  EXPECT_THAT(refusal(R"({"process": {"rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1},
                                                  {"type": "RLIMIT_CPU", "soft": 1, "hard": 1}]}})"),
              HasSubstr("twice"));
  EXPECT_EQ(18446744073709551615U, accepted(R"({"process": {"rlimits":
      [{"type": "RLIMIT_CPU", "soft": 1, "hard": 18446744073709551615}]}})")
                                       .rlimits[0]
                                       .hard);
}

TEST(Plan, MountOptions) {
  EXPECT_EQ(uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID}, one_mount(R"(["ro", "nosuid"])").set);
  EXPECT_EQ(0U, one_mount(R"(["ro", "rw"])").set) << "the last one counts";
  auto atime = one_mount(R"(["noatime"])");
  EXPECT_EQ(uint64_t{MOUNT_ATTR_NOATIME}, atime.set);
  EXPECT_EQ(uint64_t{MOUNT_ATTR__ATIME}, atime.clear);
  EXPECT_EQ(uint64_t{MOUNT_ATTR_STRICTATIME}, one_mount(R"(["noatime", "strictatime"])").set);
  auto recursive = one_mount(R"(["rro", "rnosuid", "rprivate"])");
  EXPECT_EQ(uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID}, recursive.recursive_set);
  EXPECT_EQ(uint64_t{MS_PRIVATE}, recursive.propagation);
  EXPECT_TRUE(recursive.propagation_recursive);
  auto own = one_mount(R"(["size=64k,mode=755", "nr_inodes=5", "context=\"a,b\"", "sync", "defaults"])");
  ASSERT_EQ(5U, own.options.size());
  EXPECT_EQ("mode", own.options[1].first);
  EXPECT_EQ("755", own.options[1].second);
  EXPECT_EQ("a,b", own.options[3].second);
  EXPECT_EQ(std::nullopt, own.options[4].second);
  EXPECT_TRUE(one_mount(R"(["tmpcopyup"])").copy_up);
}

TEST(Plan, Mounts) {
  PlanDraft draft =
      accepted(R"({"mounts": [{"destination": "/a/../b//c", "source": "/x", "options": ["rbind"]},
      {"destination": "/cg", "type": "cgroup"}, {"destination": "/proc", "type": "proc"}]})");
  EXPECT_EQ("b/c", draft.mounts[0].target);
  EXPECT_TRUE(draft.mounts[0].bind());
  EXPECT_TRUE(draft.mounts[0].recursive);
  EXPECT_EQ("cgroup2", draft.mounts[1].type);
  EXPECT_TRUE(draft.mounts[2].no_symlinks);
  EXPECT_THAT(refusal(R"({"mounts": [{"destination": "/.."}]})"), HasSubstr("on the root itself"));
  EXPECT_THAT(refusal(R"({"mounts": [{"destination": "/a", "type": "bind"}]})"),
              HasSubstr("mounts[0].source"));
  EXPECT_THAT(refusal(R"({"mounts": [{"destination": "/a"}]})"), HasSubstr("mounts[0].type"));
  EXPECT_THAT(refusal(R"({"mounts": [{"destination": "/a", "type": "proc", "options": ["tmpcopyup"]}]})"),
              HasSubstr("tmpfs"));
  EXPECT_THAT(refusal(R"({"mounts": [{"type": "proc"}]})"), HasSubstr("mounts[0].destination"));
}

TEST(Plan, SysctlsStayInTheirNamespace) {
  PlanDraft draft = accepted(
      R"({"linux": {"sysctl": {"net.ipv4.conf.eth0/100.forwarding": "1", "net/ipv4/ip_forward": "0"}}})");
  EXPECT_EQ("net/ipv4/conf/eth0.100/forwarding", draft.sysctls[0].first);
  EXPECT_EQ("net/ipv4/ip_forward", draft.sysctls[1].first);
  for (const char* name : {"kernel.core_pattern", "vm.overcommit_memory", "net/../kernel/core_pattern",
                           "kernel.hostname", "net..ipv4", "/net/ipv4", "", "fs.mqueue", "net"}) {
    Json config = good();
    config["linux"]["sysctl"][name] = "1";
    EXPECT_FALSE(build_plan(config)) << name;
  }
  EXPECT_THAT(refusal(R"({"linux": {"sysctl": {"net.ipv4.ip_forward": "1\nkernel.core_pattern=x"}}})"),
              HasSubstr("one line"));
  EXPECT_THAT(
      refusal(R"({"linux": {"namespaces": [{"type": "mount"}], "sysctl": {"net.ipv4.ip_forward": "1"}}})"),
      HasSubstr("namespace of type network"));
}

TEST(Plan, UserNamespace) {
  const char* mapped = R"({"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}],
      "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}, {"containerID": 10, "hostID": 5000, "size": 1}],
      "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}]}})";
  EXPECT_EQ("0 1000 10\n10 5000 1\n", accepted(mapped).uid_map);
  EXPECT_THAT(refusal(R"({"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}]}})"),
              HasSubstr("needs uidMappings"));
  EXPECT_THAT(refusal(R"({"linux": {"uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]}})"),
              HasSubstr("type user"));
  EXPECT_THAT(refusal(R"({"linux": {"namespaces": [{"type": "pid"}, {"type": "pid"}]}})"),
              HasSubstr("twice"));
}

TEST(Plan, TimeOffsets) {
  EXPECT_EQ("boottime -5 7\n", accepted(R"({"linux": {"namespaces": [{"type": "mount"}, {"type": "time"}],
      "timeOffsets": {"boottime": {"secs": -5, "nanosecs": 7}}}})")
                                   .time_offsets);
  EXPECT_THAT(refusal(R"({"linux": {"timeOffsets": {"boottime": {"secs": 1}}}})"), HasSubstr("type time"));
  EXPECT_THAT(refusal(R"({"linux": {"timeOffsets": {"realtime": {"secs": 1}}}})"),
              HasSubstr("monotonic or boottime"));
}

TEST(Plan, DevicesMasksPropagationSeccomp) {
  PlanDraft draft =
      accepted(R"({"linux": {"devices": [{"path": "/dev/null", "type": "c", "major": 1, "minor": 3,
      "fileMode": 384}, {"path": "/dev/p", "type": "p"}]}})");
  EXPECT_EQ(7U, draft.devices.size()) << "the default /dev/null is replaced";
  EXPECT_THAT(refusal(R"({"linux": {"devices": [{"path": "/dev/x", "type": "z"}]}})"),
              HasSubstr("use c, b, u or p"));
  EXPECT_THAT(refusal(R"({"linux": {"maskedPaths": ["relative"]}})"), HasSubstr("linux.maskedPaths[0]"));
  EXPECT_THAT(refusal(R"({"linux": {"readonlyPaths": ["/.."]}})"), HasSubstr("the root itself"));
  EXPECT_THAT(refusal(R"({"linux": {"rootfsPropagation": "odd"}})"), HasSubstr("linux.rootfsPropagation"));
  EXPECT_FALSE(
      accepted(R"({"mounts": [{"destination": "/dev", "source": "/dev", "options": ["bind"]}]})").setup_dev);
  EXPECT_TRUE(seccomp_flags({"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"}));
  EXPECT_FALSE(seccomp_flags({"SECCOMP_FILTER_FLAG_NONE"}));
}

// What an early plan does with the mounts of `patch`, merged over a configuration like the engine's.
std::vector<PlanDraft::Mount> early(const char* patch) {
  Json config = good();
  config["mounts"] = Json::parse(R"([
    {"destination": "/proc", "type": "proc"},
    {"destination": "/dev", "type": "tmpfs", "options": ["mode=755"]},
    {"destination": "/sys", "type": "sysfs"}])");
  config["linux"]["maskedPaths"] = {"/proc/keys", "/sys/firmware"};
  config["linux"]["readonlyPaths"] = {"/proc/sys"};
  Json change = Json::parse(patch);
  for (auto& mount : change.value("mounts", Json::array())) config["mounts"].push_back(mount);
  change.erase("mounts");
  config.merge_patch(change);
  auto plan = early_plan(config);
  EXPECT_TRUE(plan && !plan->block.empty());
  return plan ? plan->mounts : std::vector<PlanDraft::Mount>();
}

TEST(EarlyPlan, WhatBelongsInAMountComesWithIt) {
  auto mounts = early("{}");
  ASSERT_EQ(mounts.size(), 3U);
  EXPECT_TRUE(mounts[0].cover && mounts[1].devices && mounts[2].cover);
  EXPECT_FALSE(mounts[0].devices || mounts[1].cover);
  // The control groups are apart from what is masked in /sys.
  EXPECT_TRUE(early(R"({"mounts": [{"destination": "/sys/fs/cgroup", "type": "cgroup2"}]})")[2].cover);
  EXPECT_TRUE(early(R"({"linux": {"sysctl": {"net.ipv4.conf.all.forwarding": "1"}}})")[0].cover);
}

TEST(EarlyPlan, WhatOtherMountsHaveToDoWithWaits) {
  auto bound = [](const char* target) {
    return std::string(R"({"mounts": [{"destination": ")") + target +
           R"(", "type": "bind", "source": "/", "options": ["bind"]}]})";
  };
  EXPECT_FALSE(early(bound("/proc").c_str())[0].cover);
  EXPECT_FALSE(early(bound("/proc/keys").c_str())[0].cover);
  EXPECT_FALSE(early(bound("/proc/sys/net").c_str())[0].cover);
  EXPECT_FALSE(early(bound("/sys/firmware/efi").c_str())[2].cover);
  EXPECT_FALSE(early(bound("/dev").c_str())[1].devices);
  EXPECT_FALSE(early(bound("/dev/null").c_str())[1].devices);
  EXPECT_TRUE(early(bound("/dev/mine").c_str())[1].devices);
  // A device in a folder of its own.
  EXPECT_FALSE(early(R"({"linux": {"devices": [
      {"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200}]}})")[1]
                   .devices);
  // Its interface comes later.
  EXPECT_FALSE(early(R"({"linux": {"sysctl": {"net.ipv4.conf.eth0.forwarding": "1"}}})")[0].cover);
}

TEST(Plan, FlatBlockReadsBack) {
  PlanDraft draft = accepted(R"({"hostname": "box", "process": {"args": ["a", "b c", ""]}, "mounts":
      [{"destination": "/t", "type": "tmpfs", "options": ["mode=700"]}]})");
  PlanExtras extras;
  extras.cleanup = {"/bin/x", "y"};
  extras.exit_path = "/run/exit";
  std::string block = write_plan(draft, extras);
  auto* plan = reinterpret_cast<const plan::Plan*>(block.data());
  ASSERT_EQ(block.size(), plan->size);
  ASSERT_EQ(3U, plan->args.count);
  EXPECT_STREQ("b c", plan::string(plan, plan::table<plan::Str>(plan, plan->args)[1]));
  EXPECT_STREQ("", plan::string(plan, plan::table<plan::Str>(plan, plan->args)[2]));
  EXPECT_STREQ("box", plan::string(plan, plan->hostname));
  EXPECT_STREQ("/run/exit.new", plan::string(plan, plan->exit_temporary));
  auto* mount = plan::table<plan::Mount>(plan, plan->mounts);
  EXPECT_STREQ("t", plan::string(plan, mount->target));
  EXPECT_STREQ("700", plan::string(plan, plan::table<plan::Option>(plan, mount->options)->value));
  EXPECT_EQ(uint64_t{CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS},
            plan->clone_flags);
  EXPECT_EQ(0U, plan->argv % alignof(char*));
}

}  // namespace
}  // namespace rcrt
