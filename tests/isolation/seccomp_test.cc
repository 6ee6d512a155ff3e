// SPDX-License-Identifier: MIT
// isolation-seccomp as the host sees it. Needs no privilege: filters are installed
// with no_new_privs in children.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "loaded_plugin.h"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using rcrt::sdk::FakeHost;
using rcrt::testing::library_is_loaded;
using rcrt::testing::LoadedPlugin;

class SeccompTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cache_ = fs::path(::testing::TempDir()) / ("seccomp-" + std::to_string(::getpid()));
    fs::remove_all(cache_);
    fs::create_directories(cache_);
  }
  void TearDown() override { fs::remove_all(cache_); }

  json request() const {
    return {{"container", "c1"},           {"cgroup_path", "/rcrt/c1"},
            {"resources", json::object()}, {"capabilities", {"CAP_CHOWN"}},
            {"privileged", false},         {"security_opt", json::array()},
            {"no_new_privileges", false},  {"cache_dir", cache_.string()}};
  }
  json with_option(const std::string& word) const {
    json made = request();
    made["security_opt"] = {word};
    return made;
  }
  std::string profile_file(const std::string& text) {
    std::string path = cache_ / "profile.json";
    std::ofstream(path) << text;
    return path;
  }
  std::vector<fs::path> cache_files() const {
    std::vector<fs::path> files;
    if (fs::exists(cache_ / "seccomp"))
      for (const auto& entry : fs::directory_iterator(cache_ / "seccomp")) files.push_back(entry.path());
    return files;
  }

  // The exit status of a child that runs `body` under the program.
  template <typename Body>
  int confined(int fd, Body body) {
    pid_t pid = ::fork();
    if (pid == 0) {
      static sock_filter program[BPF_MAXINSNS];
      ssize_t n = ::pread(fd, program, sizeof program, 0);
      sock_fprog filter{static_cast<unsigned short>(n / static_cast<ssize_t>(sizeof(sock_filter))), program};
      if (n <= 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
          ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
        ::_exit(200);
      ::_exit(body());
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  LoadedPlugin plugin_{"plugins/isolation-seccomp/isolation-seccomp.so"};
  FakeHost host_;
  fs::path cache_;
};

TEST_F(SeccompTest, TheKernelTakesTheDefaultProfileAndItWorks) {
  ASSERT_EQ(host_.call(plugin_->prepare, request()), 0) << host_.error_what << host_.error_object;
  int fd = host_.fds.at("seccomp");
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  auto result = [](long value) { return value < 0 ? errno : 0; };
  EXPECT_EQ(confined(fd, [&] { return result(::syscall(SYS_keyctl, 0, -3, 0)); }), EPERM);
  EXPECT_EQ(confined(fd, [&] { return result(::syscall(SYS_clone3, nullptr, 0)); }), ENOSYS);
  EXPECT_EQ(confined(fd, [&] { return result(::syscall(SYS_unshare, 0x10000000)); }), EPERM);
  EXPECT_EQ(confined(fd, [&] { return result(::socket(AF_VSOCK, SOCK_STREAM, 0)); }), EPERM);
  EXPECT_EQ(confined(fd, [&] { return result(::personality(0xffffffff)); }), 0);
  EXPECT_EQ(confined(fd, [&] { return result(::syscall(10000)); }), ENOSYS);
  EXPECT_EQ(confined(fd, [&] { return result(::access("/", F_OK)); }), 0);
}

TEST_F(SeccompTest, ASecondContainerTakesTheCachedProgramWithoutLibseccomp) {
  ASSERT_EQ(host_.call(plugin_->prepare, request()), 0);
  ASSERT_EQ(cache_files().size(), 1u) << "and no temporary file";
  struct stat first, second;
  ASSERT_EQ(::stat(cache_files()[0].c_str(), &first), 0);
  EXPECT_EQ(first.st_mode & 0777, 0600u);
  EXPECT_FALSE(library_is_loaded("libseccomp")) << "unloaded after compiling";
  ASSERT_EQ(host_.call(plugin_->prepare, request()), 0);
  ASSERT_EQ(::fstat(host_.fds.at("seccomp"), &second), 0);
  EXPECT_EQ(first.st_ino, second.st_ino);
}

TEST_F(SeccompTest, CapabilitiesAreAPartOfTheKey) {
  ASSERT_EQ(host_.call(plugin_->prepare, request()), 0);
  json other = request();
  other["capabilities"] = {"CAP_SYS_ADMIN"};
  ASSERT_EQ(host_.call(plugin_->prepare, other), 0);
  EXPECT_EQ(cache_files().size(), 2u);
}

TEST_F(SeccompTest, ADamagedCacheFileIsCompiledAgain) {
  ASSERT_EQ(host_.call(plugin_->prepare, request()), 0);
  const fs::path file = cache_files().at(0);
  const auto size = fs::file_size(file);
  auto sound = [&] {
    EXPECT_EQ(host_.call(plugin_->prepare, request()), 0);
    return fs::file_size(file) == size && confined(host_.fds.at("seccomp"), [] { return 3; }) == 3;
  };
  fs::resize_file(file, size - 8);
  EXPECT_TRUE(sound()) << "cut at an instruction";
  fs::resize_file(file, size - 3);
  EXPECT_TRUE(sound()) << "cut inside an instruction";
  {
    std::fstream bit(file, std::ios::in | std::ios::out | std::ios::binary);
    bit.seekp(64).put('\x55');
  }
  EXPECT_TRUE(sound()) << "one byte changed";
  fs::resize_file(file, 0);
  EXPECT_TRUE(sound()) << "empty";
  fs::resize_file(file, size + 8);
  EXPECT_TRUE(sound()) << "zeros at the end";
  ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
  EXPECT_TRUE(sound()) << "writable by others";
  struct stat info;
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  fs::remove(file);
  fs::create_symlink("/etc/passwd", file);
  EXPECT_TRUE(sound()) << "a symbolic link";
}

TEST_F(SeccompTest, ACacheFolderOthersCanWriteIsNotTrusted) {
  ASSERT_EQ(host_.call(plugin_->prepare, request()), 0);
  ASSERT_EQ(::chmod((cache_ / "seccomp").c_str(), 0777), 0);
  ASSERT_EQ(host_.call(plugin_->prepare, request()), 0);
  EXPECT_EQ(host_.log.size(), 1u);
  EXPECT_EQ(confined(host_.fds.at("seccomp"), [] { return 3; }), 3);
}

TEST_F(SeccompTest, Unconfined) {
  ASSERT_EQ(host_.call(plugin_->prepare, with_option("seccomp=unconfined")), 0);
  EXPECT_TRUE(host_.fds.empty());
  json privileged = request();
  privileged["privileged"] = true;
  ASSERT_EQ(host_.call(plugin_->prepare, privileged), 0);
  EXPECT_TRUE(host_.fds.empty());
}

TEST_F(SeccompTest, AProfileOfTheUsers) {
  std::string path = profile_file(R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "syscalls": [{"names": ["getcwd"], "action": "SCMP_ACT_ERRNO", "errnoRet": 71}]})");
  for (int time = 0; time < 2; ++time) {  // compiled, then cached
    ASSERT_EQ(host_.call(plugin_->prepare, with_option("seccomp=" + path)), 0) << host_.error_what;
    EXPECT_EQ(host_.result.at("seccompFlags"), json({"SECCOMP_FILTER_FLAG_LOG"}));
    char buffer[4096];
    EXPECT_EQ(confined(host_.fds.at("seccomp"),
                       [&] { return ::syscall(SYS_getcwd, buffer, 4096) < 0 ? errno : 0; }),
              71);
  }
}

TEST_F(SeccompTest, ProfilesThatCannotBeUsed) {
  EXPECT_EQ(host_.call(plugin_->prepare, with_option("seccomp=/no/such/file")), -ENOENT);
  EXPECT_EQ(host_.error_object, "/no/such/file");
  EXPECT_EQ(host_.call(plugin_->prepare, with_option("seccomp=/dev/zero")), -EINVAL);
  std::string path = profile_file("{ not json");
  EXPECT_EQ(host_.call(plugin_->prepare, with_option("seccomp=" + path)), -EINVAL);
  EXPECT_EQ(host_.error_what, "seccomp profile is not JSON");
  profile_file(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["dup"], "action": "no"}]})");
  EXPECT_EQ(host_.call(plugin_->prepare, with_option("seccomp=" + path)), -EINVAL);
  EXPECT_EQ(host_.error_object, path + ":$.syscalls[0].action");
  EXPECT_TRUE(host_.fds.empty());
}

TEST_F(SeccompTest, AnOciConfiguration) {
  json oci = request();
  oci["seccomp"] = {{"defaultAction", "SCMP_ACT_ALLOW"},
                    {"syscalls", {{{"names", {"getcwd"}}, {"action", "SCMP_ACT_ERRNO"}}}}};
  oci["security_opt"] = {"seccomp=unconfined"};
  ASSERT_EQ(host_.call(plugin_->prepare, oci), 0) << host_.error_what;
  char buffer[4096];
  EXPECT_EQ(
      confined(host_.fds.at("seccomp"), [&] { return ::syscall(SYS_getcwd, buffer, 4096) < 0 ? errno : 0; }),
      EPERM);
  oci["seccomp"]["syscalls"][0]["args"] = {{{"index", 9}}};
  EXPECT_EQ(host_.call(plugin_->prepare, oci), -EINVAL);
  EXPECT_EQ(host_.error_object, "linux.seccomp.syscalls[0].args[0]");
}

TEST_F(SeccompTest, WithoutACacheFolderItStillWorks) {
  json none = request();
  none.erase("cache_dir");
  ASSERT_EQ(host_.call(plugin_->prepare, none), 0);
  EXPECT_EQ(confined(host_.fds.at("seccomp"), [] { return 3; }), 3);
}

}  // namespace
