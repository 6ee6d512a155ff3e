// SPDX-License-Identifier: MIT
// A storage plugin as the host sees it, and a tmpfs in a mount namespace of the test's own.
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <rcrt/storage.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <rcrt/fake_host.hpp>
#include <sstream>
#include <string>

#include "base/unique_fd.h"

namespace rcrt::testing {

class StorageTest : public ::testing::Test {
 protected:
  explicit StorageTest(const char* plugin) : plugin_(plugin) {}

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << strerror(errno);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    std::string made = ::testing::TempDir() + "/rcrt-storage-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    base_ = made;
    ASSERT_EQ(::mount("tmpfs", base_.c_str(), "tmpfs", 0, nullptr), 0) << strerror(errno);
    handle_ = ::dlopen(plugin_, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle_, nullptr) << ::dlerror();
    auto* entry = static_cast<const rcrt_plugin*>(::dlsym(handle_, RCRT_PLUGIN_SYMBOL));
    ASSERT_NE(entry, nullptr);
    storage = static_cast<const rcrt_storage_v1*>(entry->get_interface(RCRT_STORAGE_V1));
    ASSERT_NE(storage, nullptr);
    ASSERT_EQ(::mkdir((base_ + "/at").c_str(), 0700), 0);
  }
  void TearDown() override {
    if (base_.empty()) return;
    host.clear();
    leave();
    ::umount2(base_.c_str(), MNT_DETACH);
    ::rmdir(base_.c_str());
    if (handle_) ::dlclose(handle_);
  }

  // Attaches what prepare gave, at at().
  void enter() {
    ASSERT_EQ(host.fds.count("root"), 1u);
    ASSERT_EQ(::syscall(SYS_move_mount, host.fds["root"], "", AT_FDCWD, at().c_str(), 4 /* F_EMPTY_PATH */),
              0)
        << strerror(errno);
    host.clear();
  }
  void leave() { ::umount2(at().c_str(), MNT_DETACH); }
  std::string at() const { return base_ + "/at"; }

  static std::string read(const std::string& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  static void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
  }
  static size_t count_lines(const std::string& path) {
    std::string text = read(path);
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  const char* plugin_;
  void* handle_ = nullptr;
  std::string base_;
  const rcrt_storage_v1* storage = nullptr;
  sdk::FakeHost host;
};

}  // namespace rcrt::testing
