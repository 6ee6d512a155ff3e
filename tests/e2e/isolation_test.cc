// SPDX-License-Identifier: MIT
// What `rcrt run` takes from a process or shares with it: capabilities, devices, limits,
// system calls, namespaces.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class IsolationTest : public StageTest {
 protected:
  static std::string ns(const std::vector<std::string>& options, const std::string& name) {
    return box(options, {"readlink", "/proc/self/ns/" + name}).out;
  }
  static std::string own(const std::string& name) {
    char text[64] = {};
    return readlink(("/proc/self/ns/" + name).c_str(), text, sizeof text - 1) > 0 ? std::string(text) + "\n"
                                                                                  : "";
  }
  static unsigned long capabilities(const std::vector<std::string>& options,
                                    const std::string& set = "CapEff") {
    std::istringstream words(box(options, {"grep", set, "/proc/self/status"}).out);
    std::string name;
    unsigned long value = ~0UL;
    words >> name >> std::hex >> value;
    return value;
  }
};

void expect_refused(const Output& output, const std::string& says) {
  EXPECT_EQ(output.code, 125) << output;
  EXPECT_THAT(output.err, AllOf(StartsWith("rcrt: "), HasSubstr(says)));
}

constexpr unsigned long kDefault = 0xa80425fb;  // docker's default set
constexpr unsigned long kChown = 1UL << 0, kNetAdmin = 1UL << 12, kMknod = 1UL << 27;

TEST_F(IsolationTest, Capabilities) {
  EXPECT_EQ(capabilities({}), kDefault);
  EXPECT_EQ(capabilities({}, "CapBnd"), kDefault);
  EXPECT_EQ(capabilities({}, "CapInh"), 0u);
  EXPECT_EQ(capabilities({}, "CapAmb"), 0u);
  EXPECT_EQ(capabilities({"--cap-add", "net_admin"}), kDefault | kNetAdmin);
  EXPECT_EQ(capabilities({"--cap-drop=CAP_CHOWN"}), kDefault & ~kChown);
  EXPECT_EQ(capabilities({"--cap-drop", "ALL"}), 0u);
  EXPECT_EQ(capabilities({"--cap-drop", "all", "--cap-add", "CHOWN"}), kChown);
  EXPECT_EQ(capabilities({"--user", "nobody"}), 0u);
  EXPECT_EQ(capabilities({"--user", "nobody"}, "CapBnd"), kDefault);
  expect_refused(box({"--cap-add", "NOSUCH"}, {"true"}), "NOSUCH");
}

TEST_F(IsolationTest, Privileged) {
  EXPECT_EQ(capabilities({"--privileged"}), capabilities({"--cap-add=ALL"}));
  Output output =
      sh({"--privileged"},
         "mount -t tmpfs none /mnt 2>/dev/null || mkdir /mnt && mount -t tmpfs none /mnt && echo mounted; "
         "test -w /proc/sys/kernel/domainname && echo writable");
  EXPECT_EQ(output.out, "mounted\nwritable\n") << output;
  EXPECT_NE(sh({}, "mkdir /mnt; mount -t tmpfs none /mnt").code, 0);
}

TEST_F(IsolationTest, Devices) {
  EXPECT_EQ(sh({}, "echo x >/dev/null; head -c 4 /dev/zero | wc -c").out, "4\n");
  EXPECT_EQ(box({"--device", "/dev/null:/dev/mine:rw"}, {"stat", "-c", "%F %t:%T", "/dev/mine"}).out,
            "character special file 1:3\n");
  expect_refused(box({"--device", "/dev/no-such"}, {"true"}), "/dev/no-such");
}

// Makes a root with a node of the loop device's control in it, which any driver answers for.
class DevicesTest : public IsolationTest {
 protected:
  static std::string root_with_node() {
    std::string root = stage->dir() + "/nodes";
    if (access(root.c_str(), F_OK) == 0) return root;
    EXPECT_EQ(run({"unpack", "busybox", root}).code, 0);
    EXPECT_EQ(mknod((root + "/node").c_str(), S_IFCHR | 0666, makedev(10, 237)), 0);
    EXPECT_EQ(mknod((root + "/zero").c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
    return root;
  }
  // What a container gets of the host's devices: by a node its root brings and one it makes.
  static void expect_none() {
    Output output = run({"--storage=dir", "run", "--rm", root_with_node(), "sh", "-c",
                         "(exec 3</node) && echo brought; mknod /made c 10 237; (exec 3</made) && echo made; "
                         "mknod /dev/made b 7 0; (exec 3</dev/made) && echo in dev; rm -f /made; "
                         "head -c 2 /dev/zero | wc -c"});
    EXPECT_EQ(output.out, "2\n") << output;
  }
};

TEST_F(DevicesTest, OfTheHostAreOutOfReach) {
  int fd = open((root_with_node() + "/node").c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) GTEST_SKIP() << "no loop driver here to try it with";
  close(fd);
  expect_none();
  EXPECT_EQ(run({"--storage=dir", "run", "--rm", "--privileged", root_with_node(), "sh", "-c",
                 "exec 3</node && echo brought"})
                .out,
            "brought\n");
}

TEST_F(DevicesTest, OfTheHostAreOutOfReachWithoutDeviceRules) {
  if (mount("none", "/sys/fs/cgroup", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0)
    GTEST_SKIP() << "no cgroup v2 here that could be made read-only";
  expect_none();
  EXPECT_EQ(capabilities({}), kDefault & ~kMknod);
  EXPECT_EQ(capabilities({}, "CapBnd"), kDefault & ~kMknod);
  EXPECT_EQ(box({}, {"true"}).err, "") << "no warning: it is confined";
  Output asked = box({"--cap-add", "mknod"}, {"mknod", "/dev/mine", "c", "1", "3"});
  EXPECT_EQ(asked.code, 0) << asked;
  EXPECT_THAT(asked.err, HasSubstr("CAP_MKNOD was asked for"));
  // A rule of the user's own is no default: it is enforced or refused.
  expect_refused(box({"--device-cgroup-rule", "c 10:237 r"}, {"true"}), "device rules");
  EXPECT_EQ(mount("none", "/sys/fs/cgroup", nullptr, MS_REMOUNT | MS_BIND, nullptr), 0);
}

TEST_F(IsolationTest, Sysctls) {
  EXPECT_EQ(box({"--sysctl", "net.ipv4.ip_forward=1"}, {"cat", "/proc/sys/net/ipv4/ip_forward"}).out, "1\n");
  EXPECT_EQ(box({"--sysctl", "kernel.msgmax=9000"}, {"cat", "/proc/sys/kernel/msgmax"}).out, "9000\n");
  for (const char* bad :
       {"kernel.panic=1", "net.ipv4.ip_forward", "net/../kernel/panic=1", "vm.overcommit_memory=1"})
    expect_refused(box({"--sysctl", bad}, {"true"}), "");
}

TEST_F(IsolationTest, Ulimits) {
  EXPECT_EQ(sh({"--ulimit", "nofile=64:128"}, "ulimit -Sn; ulimit -Hn").out, "64\n128\n");
  EXPECT_EQ(sh({"--ulimit", "core=0"}, "ulimit -Hc").out, "0\n");
  expect_refused(box({"--ulimit", "nofile=128:64"}, {"true"}), "soft");
  expect_refused(box({"--ulimit", "nosuch=1"}, {"true"}), "nosuch");
}

TEST_F(IsolationTest, ALimitWhoseControllerIsInCgroupV1IsAClearError) {
  std::ifstream cgroups("/proc/cgroups");
  std::string line, memory;
  while (std::getline(cgroups, line))
    if (line.starts_with("memory\t")) memory = line;
  std::istringstream words(memory);
  std::string name;
  int hierarchy = 0;
  words >> name >> hierarchy;
  if (hierarchy == 0) GTEST_SKIP() << "the memory controller is in cgroup v2 here, or not at all";
  Output output = box({"--memory=64m"}, {"true"});
  expect_refused(output, "cannot limit with cgroup controller \"memory\"");
  EXPECT_THAT(output.err, AllOf(HasSubstr("bound to cgroup v1"), HasSubstr("cgroup_no_v1=memory")));
  EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
  EXPECT_EQ(box({}, {"echo", "runs"}).out, "runs\n") << "without limits";
}

TEST_F(IsolationTest, Seccomp) {
  auto mode = [](const std::vector<std::string>& options) {
    return box(options, {"grep", "Seccomp:", "/proc/self/status"}).out;
  };
  EXPECT_EQ(mode({}), "Seccomp:\t2\n");
  EXPECT_EQ(mode({"--security-opt", "seccomp=unconfined"}), "Seccomp:\t0\n");
  std::string profile = stage->file("profile.json", R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":42}]})");
  Output output = sh({"--security-opt", "seccomp=" + profile}, "mkdir /made; touch /made2 && echo other");
  EXPECT_THAT(output.err, HasSubstr("No message of desired type"));
  EXPECT_EQ(output.out, "other\n");
  std::string broken = stage->file("broken.json", "{");
  expect_refused(box({"--security-opt", "seccomp=" + broken}, {"true"}), "broken.json");
  expect_refused(box({"--security-opt", "nosuch"}, {"true"}), "nosuch");
}

TEST_F(IsolationTest, NoNewPrivileges) {
  auto value = [](const std::vector<std::string>& options) {
    return box(options, {"grep", "NoNewPrivs:", "/proc/self/status"}).out;
  };
  EXPECT_EQ(value({}), "NoNewPrivs:\t0\n");
  EXPECT_EQ(value({"--security-opt", "no-new-privileges"}), "NoNewPrivs:\t1\n");
}

TEST_F(IsolationTest, MaskedPaths) {
  EXPECT_EQ(sh({}, "cat /proc/kcore /proc/timer_list 2>/dev/null | wc -c; ls /sys/firmware | wc -l").out,
            "0\n0\n");
  EXPECT_NE(sh({}, "echo 1 >/proc/sys/kernel/domainname").code, 0);
  EXPECT_NE(sh({}, "echo b >/proc/sysrq-trigger").code, 0);
  EXPECT_NE(sh({}, "echo x >/sys/kernel/uevent_helper").code, 0);
}

TEST_F(IsolationTest, EveryNamespaceIsNew) {
  for (const char* name : {"pid", "mnt", "net", "ipc", "uts", "cgroup"})
    EXPECT_NE(ns({}, name), own(name)) << name;
}

TEST_F(IsolationTest, HostNamespaces) {
  EXPECT_EQ(ns({"--pid=host"}, "pid"), own("pid"));
  EXPECT_EQ(ns({"--ipc=host"}, "ipc"), own("ipc"));
  EXPECT_EQ(ns({"--uts=host"}, "uts"), own("uts"));
  EXPECT_EQ(ns({"--cgroupns=host"}, "cgroup"), own("cgroup"));
  EXPECT_EQ(ns({"--net=host"}, "net"), own("net"));
  expect_refused(box({"--pid=nosuch"}, {"true"}), "nosuch");
}

TEST_F(IsolationTest, NamespacesOfAnotherContainer) {
  ASSERT_EQ(run({"run", "-d", "--name", "other", "busybox", "sleep", "1000"}).code, 0);
  std::string proc = "/proc/" + std::to_string(stage->inspect("other")["State"]["Pid"].get<int>()) + "/ns/";
  for (const char* name : {"pid", "ipc", "uts", "net"}) {
    char text[64] = {};
    ASSERT_GT(readlink((proc + name).c_str(), text, sizeof text - 1), 0);
    EXPECT_EQ(ns({std::string("--") + name + "=container:other"}, name), std::string(text) + "\n") << name;
  }
  EXPECT_THAT(box({"--pid=container:other"}, {"ps"}).out, HasSubstr("sleep 1000"));
  EXPECT_THAT(box({}, {"ps"}).out, Not(HasSubstr("sleep 1000")));
  EXPECT_EQ(run({"rm", "-f", "other"}).code, 0);
  expect_refused(box({"--pid=container:other"}, {"true"}), "other");
}

TEST_F(IsolationTest, UserNamespace) {
  Output output = sh({"--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536"},
                     "id -u; cat /proc/self/uid_map /proc/self/gid_map; touch /tmp/made && echo made");
  EXPECT_THAT(output.out,
              AllOf(StartsWith("0\n"), HasSubstr("100000      65536"), HasSubstr("200000      65536")))
      << output;
}

TEST_F(IsolationTest, UserNamespaceOfTheHost) {
  EXPECT_EQ(ns({"--userns=host"}, "user"), own("user"));
  expect_refused(box({"--userns=nosuch"}, {"true"}), "nosuch");
  expect_refused(box({"--userns=host", "--uidmap", "0:100000:65536"}, {"true"}), "excludes");
}

TEST_F(IsolationTest, CgroupParent) {
  if (access("/sys/fs/cgroup/cgroup.procs", W_OK) != 0) GTEST_SKIP() << "no cgroup v2 here to make groups in";
  std::string id = run({"run", "-d", "--cgroup-parent", "e2e-parent/below", "busybox", "sleep", "1000"}).out;
  id = id.substr(0, id.find('\n'));
  EXPECT_EQ(access(("/sys/fs/cgroup/e2e-parent/below/" + id + "/cgroup.procs").c_str(), F_OK), 0);
  EXPECT_EQ(stage->inspect(id)["HostConfig"]["CgroupParent"], "/e2e-parent/below");
  EXPECT_EQ(run({"rm", "-f", id}).code, 0);
  EXPECT_TRUE(eventually([] { return access("/sys/fs/cgroup/e2e-parent", F_OK) != 0; }));
}

TEST_F(IsolationTest, TimeNamespace) {
  Output output = sh({"--time-offset", "boottime=864000000"}, "cut -d. -f1 /proc/uptime");
  EXPECT_GT(atol(output.out.c_str()), 864000000) << output;
  expect_refused(box({"--time-offset", "boottime=soon"}, {"true"}), "soon");
}

}  // namespace
}  // namespace rcrt::test
