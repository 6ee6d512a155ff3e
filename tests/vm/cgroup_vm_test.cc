// SPDX-License-Identifier: MIT
// isolation-cgroup with every controller: limits are written, and they bite.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/isolation/loaded_plugin.h"

namespace {

using nlohmann::json;
using rcrt::sdk::FakeHost;
using rcrt::testing::LoadedPlugin;

constexpr char kMount[] = "/sys/fs/cgroup";

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class CgroupVm : public ::testing::Test {
 protected:
  void SetUp() override { before_ = read(std::string(kMount) + "/cgroup.subtree_control"); }
  void TearDown() override {
    EXPECT_EQ(host_.call(plugin_->release, request({})), 0) << host_.error_what << host_.error_object;
    EXPECT_FALSE(std::filesystem::exists(std::string(kMount) + "/rcrt"));
    EXPECT_EQ(read(std::string(kMount) + "/cgroup.subtree_control"), before_);
  }
  json request(json resources) const {
    return {{"container", "c1"}, {"cgroup_path", "/rcrt/c1"}, {"resources", std::move(resources)}};
  }
  void prepare(json resources) {
    ASSERT_EQ(host_.call(plugin_->prepare, request(std::move(resources))), 0)
        << host_.error_what << " \"" << host_.error_object << "\" " << host_.error_hint;
    group_ = ::dup(host_.fds.at("cgroup"));
  }
  static std::string file(const std::string& name) { return read(std::string(kMount) + "/rcrt/c1/" + name); }
  static long value(const std::string& name, const std::string& key) {
    std::istringstream in(file(name));
    std::string word;
    for (long number; in >> word >> number;)
      if (word == key) return number;
    return -1;
  }

  template <typename Body>
  pid_t spawn(Body body) {
    clone_args args{};
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.cgroup = static_cast<uint64_t>(group_);
    pid_t pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
    if (pid == 0) ::_exit(body());
    EXPECT_GT(pid, 0);
    return pid;
  }
  template <typename Body>
  int run(Body body) {
    int status = -1;
    pid_t pid = spawn(body);
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  LoadedPlugin plugin_{"plugins/isolation-cgroup/isolation-cgroup.so"};
  FakeHost host_;
  std::string before_;
  int group_ = -1;
};

TEST_F(CgroupVm, EveryLimitIsWritten) {
  prepare({{"memory", {{"limit", 67108864}, {"swap", 100663296}, {"reservation", 33554432}}},
           {"cpu",
            {{"shares", 1024},
             {"quota", 50000},
             {"period", 100000},
             {"burst", 1000},
             {"cpus", "1"},
             {"mems", "0"}}},
           {"pids", {{"limit", 42}}},
           {"hugepageLimits", {{{"pageSize", "2MB"}, {"limit", 4194304}}}},
           {"blockIO", {{"weight", 500}}},
           {"unified", {{"memory.high", "50331648"}, {"memory.oom.group", "1"}, {"cgroup.max.depth", "3"}}}});
  EXPECT_EQ(file("memory.max"), "67108864\n");
  EXPECT_EQ(file("memory.swap.max"), "33554432\n");
  EXPECT_EQ(file("memory.low"), "33554432\n");
  EXPECT_EQ(file("memory.high"), "50331648\n");
  EXPECT_EQ(file("memory.oom.group"), "1\n");
  EXPECT_EQ(file("cgroup.max.depth"), "3\n");
  EXPECT_EQ(file("cpu.max"), "50000 100000\n");
  EXPECT_EQ(file("cpu.max.burst"), "1000\n");
  EXPECT_EQ(file("cpu.weight"), "100\n");
  EXPECT_EQ(file("cpuset.cpus"), "1\n");
  EXPECT_EQ(file("cpuset.mems"), "0\n");
  EXPECT_EQ(file("pids.max"), "42\n");
  EXPECT_EQ(file("hugetlb.2MB.max"), "4194304\n");
  EXPECT_EQ(file("io.bfq.weight"), "default 500\n");
}

TEST_F(CgroupVm, CpuIdle) {
  prepare({{"cpu", {{"idle", 1}}}});
  EXPECT_EQ(file("cpu.idle"), "1\n");
}

TEST_F(CgroupVm, AContainerThatTakesTooMuchMemoryIsKilledAndItIsRecorded) {
  prepare({{"memory", {{"limit", 32 << 20}, {"swap", 32 << 20}}}});
  EXPECT_EQ(run([] {
              constexpr size_t size = 128 << 20;
              char* memory = static_cast<char*>(
                  ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
              if (memory == MAP_FAILED) return 1;
              for (size_t at = 0; at < size; at += 4096) memory[at] = 1;
              return 0;
            }),
            128 + SIGKILL);
  EXPECT_GE(value("memory.events", "oom_kill"), 1);
  ASSERT_EQ(host_.call(plugin_->stats, request({})), 0);
  EXPECT_GE(host_.result.at("memory").at("oom_kills").get<int>(), 1);
  EXPECT_EQ(host_.result.at("memory").at("limit").get<long>(), 32 << 20);
}

TEST_F(CgroupVm, PidsLimit) {
  prepare({{"pids", {{"limit", 3}}}});
  EXPECT_EQ(run([] {
              int made = 0;
              while (made < 10) {
                pid_t pid = ::fork();
                if (pid == 0) {
                  ::pause();
                  ::_exit(0);
                }
                if (pid < 0) return errno == EAGAIN ? made : 100;
                ++made;
              }
              return made;
            }),
            2);
  ASSERT_EQ(host_.call(plugin_->stats, request({})), 0);
  EXPECT_EQ(host_.result.at("pids").at("limit").get<int>(), 3);
}

TEST_F(CgroupVm, HalfACpuIsHalfACpu) {
  prepare({{"cpu", {{"quota", 20000}, {"period", 40000}}}});
  timespec start, end;
  ::clock_gettime(CLOCK_MONOTONIC, &start);
  EXPECT_EQ(run([] {  // until it has used 2 seconds of processor time
              for (;;) {
                timespec used;
                ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
                if (used.tv_sec >= 2) return 0;
              }
            }),
            0);
  ::clock_gettime(CLOCK_MONOTONIC, &end);
  double wall =
      static_cast<double>(end.tv_sec - start.tv_sec) + static_cast<double>(end.tv_nsec - start.tv_nsec) / 1e9;
  // Never faster than the quota allows; how much slower is the emulator's affair.
  EXPECT_GE(wall, 3.6) << "2 s of processor time at half a processor";
  EXPECT_GT(value("cpu.stat", "nr_throttled"), 0);
}

TEST_F(CgroupVm, CpusetIsWhereItRuns) {
  prepare({{"cpu", {{"cpus", "1"}}}});
  EXPECT_EQ(run([] {
              cpu_set_t set;
              if (::sched_getaffinity(0, sizeof set, &set) != 0) return 100;
              return CPU_COUNT(&set) == 1 && CPU_ISSET(1, &set) ? 0 : 1;
            }),
            0);
}

TEST_F(CgroupVm, IoLimitsOfOneDeviceAreFourWritesToOneFile) {
  struct stat disk;
  ASSERT_EQ(::stat("/dev/vdb", &disk), 0);
  json device = {{"major", major(disk.st_rdev)}, {"minor", minor(disk.st_rdev)}, {"rate", 1048576}};
  prepare({{"blockIO",
            {{"throttleReadBpsDevice", {device}},
             {"throttleWriteBpsDevice", {device}},
             {"throttleReadIOPSDevice", {device}},
             {"throttleWriteIOPSDevice", {device}}}}});
  std::string id = std::to_string(major(disk.st_rdev)) + ":" + std::to_string(minor(disk.st_rdev));
  EXPECT_EQ(file("io.max"), id + " rbps=1048576 wbps=1048576 riops=1048576 wiops=1048576\n");
  // 2 MiB at 1 MiB a second, past the page cache.
  timespec start, end;
  ::clock_gettime(CLOCK_MONOTONIC, &start);
  EXPECT_EQ(run([] {
              int fd = ::open("/dev/vdb", O_RDONLY | O_DIRECT | O_CLOEXEC);
              void* buffer = nullptr;
              if (fd < 0 || ::posix_memalign(&buffer, 4096, 65536) != 0) return 100;
              for (int i = 0; i < 32; ++i)
                if (::read(fd, buffer, 65536) != 65536) return 101;
              return 0;
            }),
            0);
  ::clock_gettime(CLOCK_MONOTONIC, &end);
  EXPECT_GE(
      static_cast<double>(end.tv_sec - start.tv_sec) + static_cast<double>(end.tv_nsec - start.tv_nsec) / 1e9,
      1.5);
  ASSERT_EQ(host_.call(plugin_->stats, request({})), 0);
  EXPECT_EQ(host_.result.at("io").at(0).at("rbytes").get<long>(), 2 << 20);
}

TEST_F(CgroupVm, DevicesAreDeniedAndAllowed) {
  struct stat disk;
  ASSERT_EQ(::stat("/dev/vdb", &disk), 0);
  json rules = {{{"allow", false}, {"access", "rwm"}},
                {{"allow", true}, {"type", "c"}, {"major", 1}, {"minor", 3}, {"access", "rwm"}},
                {{"allow", true}, {"type", "b"}, {"access", "m"}}};
  prepare({{"devices", rules}, {"pids", {{"limit", 10}}}});
  auto opens = [&](const char* path, int flags) {
    return run([=] { return ::open(path, flags | O_CLOEXEC) >= 0 ? 0 : errno; });
  };
  EXPECT_EQ(opens("/dev/null", O_RDWR), 0);
  EXPECT_EQ(opens("/dev/zero", O_RDONLY), EPERM);
  EXPECT_EQ(opens("/dev/vdb", O_RDONLY), EPERM);
  EXPECT_EQ(run([&] { return ::mknod("/tmp/disk", S_IFBLK | 0600, disk.st_rdev) == 0 ? 0 : errno; }), 0);
  EXPECT_EQ(opens("/tmp/disk", O_RDONLY), EPERM);
  EXPECT_EQ(run([] { return ::mknod("/tmp/zero", S_IFCHR | 0600, makedev(1, 5)) == 0 ? 0 : errno; }), EPERM);
  rules.push_back({{"allow", true},
                   {"type", "b"},
                   {"major", major(disk.st_rdev)},
                   {"minor", minor(disk.st_rdev)},
                   {"access", "r"}});
  ASSERT_EQ(host_.call(plugin_->update, request({{"devices", rules}})), 0) << host_.error_what;
  EXPECT_EQ(opens("/dev/vdb", O_RDONLY), 0);
  EXPECT_EQ(opens("/dev/vdb", O_RDWR), EPERM);
  ::unlink("/tmp/disk");
}

TEST_F(CgroupVm, UpdateOfARunningContainer) {
  prepare({});
  pid_t pid = spawn([] { return ::pause(); });
  ASSERT_EQ(
      host_.call(plugin_->update, request({{"memory", {{"limit", 64 << 20}}}, {"pids", {{"limit", 5}}}})), 0)
      << host_.error_what << host_.error_hint;
  EXPECT_EQ(file("memory.max"), "67108864\n");
  ASSERT_EQ(host_.call(plugin_->update, request({{"memory", {{"limit", -1}}}, {"pids", {{"limit", -1}}}})),
            0);
  EXPECT_EQ(file("memory.max"), "max\n");
  EXPECT_EQ(file("pids.max"), "max\n");
  ASSERT_EQ(host_.call(plugin_->kill, request({})), 0);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST_F(CgroupVm, ABadValueLeavesNothing) {
  EXPECT_EQ(
      host_.call(plugin_->prepare, request({{"cpu", {{"cpus", "77"}}}, {"memory", {{"limit", 1 << 26}}}})),
      -ERANGE);
  EXPECT_NE(host_.error_what.find("limit"), std::string::npos) << host_.error_what;
  EXPECT_EQ(host_.error_object, "linux.resources.cpu.cpus");
  EXPECT_FALSE(std::filesystem::exists(std::string(kMount) + "/rcrt"));
}

TEST_F(CgroupVm, AGroupWithProcessesCannotHandDownControllers) {
  std::string busy = std::string(kMount) + "/busy";
  ASSERT_EQ(::mkdir(busy.c_str(), 0755), 0);
  pid_t pid = ::fork();
  if (pid == 0) {
    ::pause();
    ::_exit(0);
  }
  std::ofstream(busy + "/cgroup.procs") << pid;
  json inside = request({{"memory", {{"limit", 1 << 26}}}});
  inside["cgroup_path"] = "/busy/c2";
  EXPECT_EQ(host_.call(plugin_->prepare, inside), -EBUSY);
  EXPECT_EQ(host_.error_object, busy);
  EXPECT_NE(host_.error_hint.find("leaves"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(busy + "/c2"));
  ::kill(pid, SIGKILL);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
  ASSERT_EQ(::rmdir(busy.c_str()), 0);
}

TEST_F(CgroupVm, DoctorFindsNothingMissing) {
  ASSERT_EQ(host_.call(plugin_->doctor, json::object()), 0);
  for (const auto& finding : host_.result.at("findings"))
    EXPECT_TRUE(finding.at("ok").get<bool>()) << finding;
}

}  // namespace
