// SPDX-License-Identifier: MIT
// Namespaces, identity, limits, sysctls.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "tests/launch/container.h"

namespace rcrt::test {
namespace {

using ::testing::HasSubstr;

class Isolation : public EarlyOrLate {
 protected:
  static std::string own(const char* name) {
    return std::filesystem::read_symlink(std::string("/proc/self/ns/") + name).string();
  }
};

INSTANTIATE_TEST_SUITE_P(, Isolation, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Early" : "Late"; });

TEST_P(Isolation, EachNamespaceIsNew) {
  Json config =
      spec({"sh", "-c", "for n in pid net ipc uts mnt cgroup user time; do readlink /proc/self/ns/$n; done"});
  config["linux"]["namespaces"].push_back({{"type", "time"}});
  config["linux"]["timeOffsets"] = {{"monotonic", {{"secs", 1000000}}}, {"boottime", {{"secs", 2000000}}}};
  std::istringstream lines(run(config).out);
  for (const char* name : {"pid", "net", "ipc", "uts", "mnt", "cgroup", "user", "time"}) {
    std::string line;
    std::getline(lines, line);
    if (std::string(name) == "user") {
      EXPECT_EQ(own(name), line);
    } else {
      EXPECT_THAT(line, HasSubstr(std::string(name) + ":["));
      EXPECT_NE(own(name), line) << name;
    }
  }
}

TEST_P(Isolation, TimeOffsets) {
  Json config = spec({"awk", "{print int($1)}", "/proc/uptime"});
  config["linux"]["namespaces"].push_back({{"type", "time"}});
  config["linux"]["timeOffsets"]["boottime"] = {{"secs", 5000000}};
  EXPECT_GE(std::stol(run(config).out), 5000000);
}

TEST_P(Isolation, NamesAndSysctls) {
  Json config = spec({"sh", "-c",
                      "hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward "
                      "/proc/sys/kernel/msgmax /proc/sys/net/ipv4/ping_group_range"});
  config["domainname"] = "example.net";
  config["linux"]["sysctl"] = {
      {"net.ipv4.ip_forward", "1"}, {"kernel.msgmax", "4321"}, {"net/ipv4/ping_group_range", "0 7"}};
  std::string before = read_file("/proc/sys/kernel/msgmax");
  Outcome outcome = run(config);
  EXPECT_EQ("", outcome.error);
  EXPECT_EQ("box\nexample.net\n1\n4321\n0\t7\n", outcome.out);
  EXPECT_EQ(before, read_file("/proc/sys/kernel/msgmax"));
}

TEST_P(Isolation, JoinedNamespaces) {
  LaunchRequest first = request(spec({"sleep", "1000"}));
  auto launcher = Launcher::start(monitor_path());
  ASSERT_TRUE(launcher);
  auto process = launcher->commit(std::move(first));
  ASSERT_TRUE(process) << process.error().message();
  EXPECT_TRUE((*process)->netns.valid());
  EXPECT_GT((*process)->start_time, 0U);
  ASSERT_TRUE(launcher->go());
  std::string proc = "/proc/" + std::to_string((*process)->pid) + "/ns/";

  Json config =
      spec({"sh", "-c", "for n in net ipc uts pid; do readlink /proc/self/ns/$n; done; cat /proc/1/comm"});
  config.erase("hostname");
  config["linux"]["namespaces"] = {{{"type", "mount"}},
                                   {{"type", "network"}, {"path", proc + "net"}},
                                   {{"type", "ipc"}, {"path", proc + "ipc"}},
                                   {{"type", "uts"}, {"path", proc + "uts"}},
                                   {{"type", "pid"}, {"path", proc + "pid"}}};
  std::string expected;
  for (const char* name : {"net", "ipc", "uts", "pid"})
    expected += std::filesystem::read_symlink(proc + name).string() + "\n";
  Outcome outcome = run(config);
  EXPECT_EQ("", outcome.error);
  EXPECT_EQ(expected + "sleep\n", outcome.out);

  config["linux"]["namespaces"][1]["path"] = proc + "ipc";
  EXPECT_THAT(run(config).error, HasSubstr("a namespace of another type: linux.namespaces[1]"));
  config["linux"]["namespaces"][1]["path"] = "/dev/null";
  EXPECT_THAT(run(config).error, HasSubstr("not a namespace: linux.namespaces[1]"));
  kill((*process)->pid, SIGKILL);
  EXPECT_EQ(SIGKILL, launcher->wait()->signal);
  launcher->cleaned_up();
}

TEST_P(Isolation, UserNamespaceWithMappings) {
  // The root's files belong to the mapped user, as an engine arranges it.
  ASSERT_EQ(0, chmod(folder().c_str(), 0711));
  for (auto& entry : std::filesystem::recursive_directory_iterator(root()))
    ASSERT_EQ(0, lchown(entry.path().c_str(), 100000, 100000));
  ASSERT_EQ(0, chown(root().c_str(), 100000, 100000));
  Json config = spec(
      {"sh", "-c",
       "id -u; cat /proc/self/uid_map | awk '{print $1,$2,$3}'; touch /made && stat -c %u /made; echo x > "
       "/dev/null && echo null; readlink /proc/self/ns/user; grep CapEff /proc/self/status; "
       "hostname; cat /proc/sys/net/ipv4/ip_forward; id -G"});
  config["linux"]["namespaces"].push_back({{"type", "user"}});
  config["linux"]["uidMappings"] = {{{"containerID", 0}, {"hostID", 100000}, {"size", 65536}}};
  config["linux"]["gidMappings"] = config["linux"]["uidMappings"];
  config["linux"]["sysctl"]["net.ipv4.ip_forward"] = "1";
  config["process"]["user"]["additionalGids"] = {5, 6};
  Outcome outcome = run(config);
  EXPECT_EQ("", outcome.error);
  std::istringstream lines(outcome.out);
  std::vector<std::string> got;
  for (std::string line; std::getline(lines, line);) got.push_back(line);
  ASSERT_EQ(9U, got.size()) << outcome.out;
  EXPECT_EQ("0", got[0]);
  EXPECT_EQ("0 100000 65536", got[1]);
  EXPECT_EQ("0", got[2]);
  EXPECT_EQ("null", got[3]);
  EXPECT_NE(own("user"), got[4]);
  EXPECT_EQ("CapEff:\t00000000a80425fb", got[5]);
  EXPECT_EQ("box", got[6]);
  EXPECT_EQ("1", got[7]);
  EXPECT_EQ("0 5 6", got[8]);
  struct stat status;
  ASSERT_EQ(0, stat((root() + "/made").c_str(), &status));
  EXPECT_EQ(100000U, status.st_uid);
}

TEST_P(Isolation, UserGroupsUmaskAndCapabilities) {
  Json config =
      spec({"sh", "-c",
            "id; umask; grep -E '^(Cap|NoNewPrivs)' /proc/self/status; touch /tmp/f; stat -c %a /tmp/f"});
  chmod((root() + "/tmp").c_str(), 01777);
  config["process"]["user"] = {{"uid", 1000}, {"gid", 1001}, {"additionalGids", {7, 8}}, {"umask", 077}};
  EXPECT_EQ(
      "uid=1000 gid=1001 groups=7,8\n0077\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
      "CapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:"
      "\t1\n600\n",
      run(config).out);
  for (const char* set : {"inheritable", "ambient"}) config["process"]["capabilities"][set] = {"CAP_NET_RAW"};
  config["process"]["noNewPrivileges"] = false;
  std::string ambient = run(config).out;
  EXPECT_THAT(ambient, HasSubstr("CapAmb:\t0000000000002000\nNoNewPrivs:\t0\n"));
  EXPECT_THAT(ambient, HasSubstr("CapEff:\t0000000000002000\n"));
}

TEST_P(Isolation, RootKeepsWhatTheConfigurationGives) {
  EXPECT_EQ(
      "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n"
      "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\n",
      shell("grep ^Cap /proc/self/status"));
  Json config = spec({"grep", "CapEff", "/proc/self/status"});
  config["process"].erase("capabilities");
  EXPECT_EQ("CapEff:\t0000000000000000\n", run(config).out);
}

TEST_P(Isolation, Limits) {
  Json config = spec({"sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -Sc"});
  config["process"]["rlimits"] = {{{"type", "RLIMIT_NOFILE"}, {"soft", 100}, {"hard", 200}},
                                  {{"type", "RLIMIT_CORE"}, {"soft", 0}, {"hard", 0}}};
  EXPECT_EQ("100\n200\n0\n", run(config).out);
  rlimit now;
  getrlimit(RLIMIT_NOFILE, &now);
  config["process"]["rlimits"] = {
      {{"type", "RLIMIT_NOFILE"}, {"soft", now.rlim_cur}, {"hard", now.rlim_max}}};
  EXPECT_EQ("", run(config).error) << "a limit that is there already needs no privilege";
}

TEST_P(Isolation, RaisingAHardLimitWithoutTheCapabilityIsExplained) {
  std::string status = read_file("/proc/self/status");
  if (std::stoull(status.substr(status.find("CapEff:") + 8), nullptr, 16) >> CAP_SYS_RESOURCE & 1)
    GTEST_SKIP() << "this root has CAP_SYS_RESOURCE";
  rlimit now;
  getrlimit(RLIMIT_NPROC, &now);
  if (now.rlim_max == RLIM_INFINITY) GTEST_SKIP() << "RLIMIT_NPROC is unlimited";
  Json config = spec({"true"});
  config["process"]["rlimits"] = {{{"type", "RLIMIT_NPROC"}, {"soft", 1}, {"hard", now.rlim_max + 1}}};
  EXPECT_THAT(run(config).error,
              HasSubstr("cannot set the resource limit \"RLIMIT_NPROC\": Operation not permitted: "
                        "raising a hard limit needs CAP_SYS_RESOURCE"));
}

TEST_P(Isolation, OomScoreSchedulerAndIoPriority) {
  Json config = spec({"sh", "-c", "cat /proc/self/oom_score_adj; awk '{print $41}' /proc/self/stat"});
  config["process"]["oomScoreAdj"] = 321;
  config["process"]["scheduler"] = {{"policy", "SCHED_BATCH"}, {"nice", 3}};
  config["process"]["ioPriority"] = {{"class", "IOPRIO_CLASS_BE"}, {"priority", 6}};
  EXPECT_EQ("321\n3\n", run(config).out);
}

TEST_P(Isolation, SeccompFilter) {
  for (bool no_new_privileges : {true, false}) {
    // mkdir and mkdirat fail with EDOM, everything else is allowed.
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 1, 0),
#ifdef SYS_mkdir
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
#else
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
#endif
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 33),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    Json config = spec({"sh", "-c", "mkdir /x 2>&1; grep ^Seccomp: /proc/self/status"});
    config["process"]["noNewPrivileges"] = no_new_privileges;
    LaunchRequest request = this->request(config);
    request.seccomp.reset(memfd_create("filter", MFD_CLOEXEC));
    ASSERT_EQ(static_cast<ssize_t>(sizeof program), write(request.seccomp.get(), program, sizeof program));
    Outcome outcome = run(std::move(request));
    EXPECT_EQ("", outcome.error);
    EXPECT_THAT(outcome.out, HasSubstr("Numerical argument out of domain"));
    EXPECT_THAT(outcome.out, HasSubstr("Seccomp:\t2"));
  }
}

TEST_P(Isolation, Cgroup) {
  if (access("/sys/fs/cgroup/unified/cgroup.procs", W_OK) != 0)
    GTEST_SKIP() << "no cgroup v2 mount known here";
  std::string path = "/sys/fs/cgroup/unified/rcrt-launch-test-" + std::to_string(getpid());
  ASSERT_EQ(0, mkdir(path.c_str(), 0755));
  Json config = spec({"cat", "/proc/self/cgroup"});
  LaunchRequest inside = request(config);
  inside.cgroup.reset(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_THAT(run(std::move(inside)).out, HasSubstr("0::/\n"));
  config["linux"]["namespaces"].erase(5);
  inside = request(config);
  inside.cgroup.reset(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_THAT(run(std::move(inside)).out, HasSubstr("/rcrt-launch-test-"));
  EXPECT_EQ(0, rmdir(path.c_str()));
}

}  // namespace
}  // namespace rcrt::test
