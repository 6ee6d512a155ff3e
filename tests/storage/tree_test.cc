// SPDX-License-Identifier: MIT
#include "base/tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"

namespace rcrt {
namespace {

namespace fs = std::filesystem;

class RemoveTree : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string made = ::testing::TempDir() + "/rcrt-tree-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    base_ = made;
  }
  void TearDown() override { ASSERT_TRUE(remove_tree(base_.c_str())); }
  std::string base_;
};

TEST_F(RemoveTree, DeletesTreesDeeperThanAPathCanName) {
  std::string top = base_ + "/deep";
  ASSERT_EQ(::mkdir(top.c_str(), 0755), 0);
  UniqueFd at(::open(top.c_str(), O_PATH | O_CLOEXEC));
  for (int i = 0; i < 3000; ++i) {
    std::ofstream("/proc/self/fd/" + std::to_string(at.get()) + "/file");
    ASSERT_EQ(::mkdirat(at.get(), "directory", 0755), 0);
    at.reset(::openat(at.get(), "directory", O_PATH | O_CLOEXEC));
  }
  auto removed = remove_tree(top.c_str());
  ASSERT_TRUE(removed) << removed.error().message();
  EXPECT_FALSE(fs::exists(top));
}

TEST_F(RemoveTree, DeletesLinksAndNotWhatTheyPointTo) {
  std::ofstream(base_ + "/target") << "x";
  fs::create_directories(base_ + "/kept/sub");
  fs::create_directories(base_ + "/t");
  fs::create_symlink(base_ + "/kept", base_ + "/t/link");
  fs::create_symlink(base_ + "/target", base_ + "/t/file");
  ASSERT_TRUE(remove_tree((base_ + "/t").c_str()));
  EXPECT_TRUE(fs::exists(base_ + "/target"));
  EXPECT_TRUE(fs::exists(base_ + "/kept/sub"));
  // The tree itself as a link.
  fs::create_symlink(base_ + "/kept", base_ + "/t");
  ASSERT_TRUE(remove_tree((base_ + "/t").c_str()));
  EXPECT_FALSE(fs::is_symlink(base_ + "/t"));
  EXPECT_TRUE(fs::exists(base_ + "/kept/sub"));
}

TEST_F(RemoveTree, DeletesDirectoriesWithoutPermissions) {
  fs::create_directories(base_ + "/t/closed/inner");
  ASSERT_EQ(::chmod((base_ + "/t/closed").c_str(), 0), 0);
  auto removed = remove_tree((base_ + "/t").c_str());
  ASSERT_TRUE(removed) << removed.error().message();
}

TEST_F(RemoveTree, NothingThereIsSuccess) {
  EXPECT_TRUE(remove_tree((base_ + "/absent").c_str()));
  EXPECT_TRUE(remove_tree((base_ + "/absent/below").c_str()));
  EXPECT_FALSE(remove_tree("relative"));
}

}  // namespace
}  // namespace rcrt
