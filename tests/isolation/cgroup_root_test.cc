// SPDX-License-Identifier: MIT
// isolation-cgroup on the machine itself, as root, in a group of the test's own. What
// needs a controller this machine has bound to v1 is tested in tests/vm.
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "loaded_plugin.h"

namespace {

using nlohmann::json;
using rcrt::sdk::FakeHost;
using rcrt::testing::library_is_loaded;
using rcrt::testing::LoadedPlugin;

std::string v2_mount() {
  for (const char* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    struct statfs info;
    if (::statfs(path, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC) return path;
  }
  return {};
}

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool has_word(const std::string& text, const std::string& word) {
  std::istringstream in(text);
  for (std::string w; in >> w;)
    if (w == word) return true;
  return false;
}

class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    mount_ = v2_mount();
    if (mount_.empty()) GTEST_SKIP() << "no cgroup v2 hierarchy is mounted";
    parent_ = "rcrt-test-" + std::to_string(::getpid());
    subtree_before_ = read(mount_ + "/cgroup.subtree_control");
  }
  void TearDown() override {
    if (mount_.empty()) return;
    EXPECT_EQ(host_.call(plugin_->release, request()), 0) << host_.error_what;
    EXPECT_FALSE(std::filesystem::exists(mount_ + "/" + parent_)) << "a group is left behind";
    EXPECT_EQ(read(mount_ + "/cgroup.subtree_control"), subtree_before_) << "controllers are left enabled";
  }

  json request(json resources = json::object(), const std::string& id = "c1") const {
    return {{"container", id},
            {"cgroup_path", "/" + parent_ + "/" + id},
            {"resources", std::move(resources)},
            {"capabilities", {"CAP_MKNOD"}},
            {"privileged", false}};
  }
  std::string dir(const std::string& id = "c1") const { return mount_ + "/" + parent_ + "/" + id; }
  bool offered(const char* controller) const {
    return has_word(read(mount_ + "/cgroup.controllers"), controller);
  }

  // A child born in the group, as the core makes it; runs `body` and exits with its value.
  template <typename Body>
  pid_t spawn(int cgroup, Body body) {
    clone_args args{};
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.cgroup = static_cast<uint64_t>(cgroup);
    pid_t pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
    if (pid == 0) ::_exit(body());
    return pid;
  }
  static int wait_status(pid_t pid) {
    int status = -1;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return status;
  }

  LoadedPlugin plugin_{"plugins/isolation-cgroup/isolation-cgroup.so"};
  FakeHost host_;
  std::string mount_, parent_, subtree_before_;
};

TEST_F(CgroupTest, WithoutLimitsMakesADirectoryAndLoadsNoLibcgroup) {
  ASSERT_EQ(host_.call(plugin_->prepare, request()), 0) << host_.error_what;
  ASSERT_TRUE(host_.fds.contains("cgroup"));
  int fd = host_.fds["cgroup"];
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  struct stat given, named;
  ASSERT_EQ(::fstat(fd, &given), 0);
  ASSERT_EQ(::stat(dir().c_str(), &named), 0);
  EXPECT_EQ(given.st_ino, named.st_ino);
  pid_t pid = spawn(fd, [] { return 7; });
  ASSERT_GT(pid, 0) << std::strerror(errno);
  EXPECT_EQ(WEXITSTATUS(wait_status(pid)), 7);
  EXPECT_FALSE(library_is_loaded("libcgroup"));
}

TEST_F(CgroupTest, ReleaseIsIdempotentAndKnowsNothingOfAContainerThatNeverWas) {
  EXPECT_EQ(host_.call(plugin_->release, request()), 0);
  ASSERT_EQ(host_.call(plugin_->prepare, request()), 0);
  EXPECT_EQ(host_.call(plugin_->release, request()), 0);
  EXPECT_EQ(host_.call(plugin_->release, request()), 0);
}

TEST_F(CgroupTest, TheParentStaysWhileAnotherContainerIsInIt) {
  ASSERT_EQ(host_.call(plugin_->prepare, request({}, "c1")), 0);
  ASSERT_EQ(host_.call(plugin_->prepare, request({}, "c2")), 0);
  EXPECT_EQ(host_.call(plugin_->release, request({}, "c2")), 0);
  EXPECT_TRUE(std::filesystem::exists(dir("c1")));
  EXPECT_FALSE(std::filesystem::exists(dir("c2")));
}

TEST_F(CgroupTest, AParentSomebodyElseMadeIsLeft) {
  ASSERT_EQ(::mkdir((mount_ + "/" + parent_).c_str(), 0755), 0);
  ASSERT_EQ(host_.call(plugin_->prepare, request()), 0);
  EXPECT_EQ(host_.call(plugin_->release, request()), 0);
  EXPECT_TRUE(std::filesystem::exists(mount_ + "/" + parent_));
  EXPECT_EQ(::rmdir((mount_ + "/" + parent_).c_str()), 0);
}

TEST_F(CgroupTest, GroupsTheContainerMadeAndProcessesInThemGoToo) {
  ASSERT_EQ(host_.call(plugin_->prepare, request()), 0);
  ASSERT_EQ(::mkdir((dir() + "/inner").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((dir() + "/inner/most").c_str(), 0755), 0);
  int inner = ::open((dir() + "/inner/most").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  pid_t pid = spawn(inner, [] { return ::pause(); });
  ASSERT_GT(pid, 0);
  ::close(inner);
  EXPECT_EQ(host_.call(plugin_->release, request()), 0) << host_.error_what;
  int status = wait_status(pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST_F(CgroupTest, KillAndFreeze) {
  ASSERT_EQ(host_.call(plugin_->prepare, request()), 0);
  pid_t pid = spawn(host_.fds["cgroup"], [] { return ::pause(); });
  ASSERT_GT(pid, 0);
  json frozen = request();
  frozen["frozen"] = true;
  EXPECT_EQ(host_.call(plugin_->freeze, frozen), 0) << host_.error_what;
  EXPECT_NE(read(dir() + "/cgroup.events").find("frozen 1"), std::string::npos);
  frozen["frozen"] = false;
  EXPECT_EQ(host_.call(plugin_->freeze, frozen), 0) << host_.error_what;
  EXPECT_NE(read(dir() + "/cgroup.events").find("frozen 0"), std::string::npos);
  EXPECT_EQ(host_.call(plugin_->stats, request()), 0);
  EXPECT_TRUE(host_.result.at("cpu").contains("usage_usec")) << host_.result;
  EXPECT_EQ(host_.call(plugin_->kill, request()), 0) << host_.error_what;
  int status = wait_status(pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(host_.call(plugin_->kill, request()), 0) << "idempotent";
}

TEST_F(CgroupTest, KillOfNothingSucceedsAndStatsOfNothingSaysSo) {
  EXPECT_EQ(host_.call(plugin_->kill, request()), 0);
  EXPECT_EQ(host_.call(plugin_->stats, request()), -ENOENT);
  EXPECT_EQ(host_.error_what, "container has no cgroup");
}

TEST_F(CgroupTest, HugePageLimitIsWrittenByLibcgroup) {
  if (!offered("hugetlb")) GTEST_SKIP() << "hugetlb is not in cgroup v2 here";
  json limits = {{"hugepageLimits", {{{"pageSize", "2MB"}, {"limit", 4 << 20}}}}};
  ASSERT_EQ(host_.call(plugin_->prepare, request(limits)), 0)
      << host_.error_what << " " << host_.error_object << " " << host_.error_hint;
  EXPECT_EQ(read(dir() + "/hugetlb.2MB.max"), "4194304\n");
  EXPECT_EQ(read(dir() + "/hugetlb.2MB.rsvd.max"), "4194304\n");
  EXPECT_TRUE(library_is_loaded("libcgroup"));
  json more = {{"hugepageLimits", {{{"pageSize", "2MB"}, {"limit", 8 << 20}}}}};
  ASSERT_EQ(host_.call(plugin_->update, request(more)), 0) << host_.error_what;
  EXPECT_EQ(read(dir() + "/hugetlb.2MB.max"), "8388608\n");
}

TEST_F(CgroupTest, ControllersSomebodyElseUsesStayEnabled) {
  if (!offered("hugetlb")) GTEST_SKIP() << "hugetlb is not in cgroup v2 here";
  if (has_word(subtree_before_, "hugetlb")) GTEST_SKIP() << "hugetlb is enabled already";
  json limits = {{"hugepageLimits", {{{"pageSize", "2MB"}, {"limit", 4 << 20}}}}};
  ASSERT_EQ(host_.call(plugin_->prepare, request(limits)), 0) << host_.error_what;
  std::string other = mount_ + "/" + parent_ + "-other";
  ASSERT_EQ(::mkdir(other.c_str(), 0755), 0);
  std::ofstream(other + "/hugetlb.2MB.max") << 2097152;
  EXPECT_EQ(host_.call(plugin_->release, request()), 0);
  EXPECT_TRUE(has_word(read(mount_ + "/cgroup.subtree_control"), "hugetlb"));
  EXPECT_EQ(read(other + "/hugetlb.2MB.max"), "2097152\n");
  ASSERT_EQ(::rmdir(other.c_str()), 0);  // TearDown's release gives it back now
}

TEST_F(CgroupTest, ALimitWhoseControllerIsBoundToV1IsAClearError) {
  if (offered("memory")) GTEST_SKIP() << "the memory controller is in v2 here";
  EXPECT_EQ(host_.call(plugin_->prepare, request({{"memory", {{"limit", 64 << 20}}}})), -ENOTSUP);
  EXPECT_EQ(host_.error_what, "cannot limit with cgroup controller");
  EXPECT_EQ(host_.error_object, "memory");
  EXPECT_NE(host_.error_hint.find("bound to cgroup v1 at /"), std::string::npos) << host_.error_hint;
  EXPECT_NE(host_.error_hint.find("systemd.unified_cgroup_hierarchy=1"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(mount_ + "/" + parent_)) << "nothing is half made";
}

TEST_F(CgroupTest, ARefusedValueNamesItselfAndLeavesNothing) {
  if (!offered("hugetlb")) GTEST_SKIP() << "hugetlb is not in cgroup v2 here";
  json limits = {{"unified", {{"hugetlb.2MB.max", "nonsense"}}}};
  EXPECT_EQ(host_.call(plugin_->prepare, request(limits)), -EINVAL);
  EXPECT_EQ(host_.error_object, "linux.resources.unified[\"hugetlb.2MB.max\"]");
  EXPECT_NE(host_.error_hint.find("nonsense"), std::string::npos) << host_.error_hint;
  EXPECT_FALSE(std::filesystem::exists(mount_ + "/" + parent_));
}

TEST_F(CgroupTest, DeviceRulesAllowAndDeny) {
  json rules = {{"devices",
                 {{{"allow", false}, {"access", "rwm"}},
                  {{"allow", true}, {"type", "c"}, {"major", 1}, {"minor", 3}, {"access", "rwm"}},
                  {{"allow", true}, {"type", "c"}, {"major", 1}, {"minor", 5}, {"access", "r"}}}}};
  ASSERT_EQ(host_.call(plugin_->prepare, request(rules)), 0) << host_.error_what << " " << host_.error_hint;
  auto tries = [&](const char* path, int flags) {
    pid_t pid = spawn(host_.fds["cgroup"], [=] { return ::open(path, flags | O_CLOEXEC) >= 0 ? 0 : errno; });
    return WEXITSTATUS(wait_status(pid));
  };
  EXPECT_EQ(tries("/dev/null", O_RDWR), 0);
  EXPECT_EQ(tries("/dev/zero", O_RDONLY), 0);
  EXPECT_EQ(tries("/dev/zero", O_RDWR), EPERM);
  EXPECT_EQ(tries("/dev/full", O_RDONLY), EPERM);

  // An update replaces the program.
  rules["devices"].push_back({{"allow", true}, {"type", "c"}, {"major", 1}, {"minor", 7}, {"access", "r"}});
  FakeHost other;
  ASSERT_EQ(other.call(plugin_->update, request(rules)), 0) << other.error_what;
  EXPECT_EQ(tries("/dev/full", O_RDONLY), 0);
  EXPECT_EQ(tries("/dev/urandom", O_RDONLY), EPERM);
}

TEST_F(CgroupTest, DoctorSaysWhereEachControllerIs) {
  ASSERT_EQ(host_.call(plugin_->doctor, json::object()), 0);
  int controllers = 0;
  for (const auto& finding : host_.result.at("findings")) {
    if (finding.at("what").get<std::string>().starts_with("cgroup controller ")) ++controllers;
    EXPECT_TRUE(finding.at("ok").get<bool>() || !finding.at("cure").get<std::string>().empty()) << finding;
  }
  EXPECT_EQ(controllers, 7);
}

}  // namespace
