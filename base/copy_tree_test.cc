// SPDX-License-Identifier: MIT
#include "base/copy_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"

namespace rcrt {
namespace {

namespace fs = std::filesystem;

class CopyTree : public testing::Test {
 protected:
  CopyTree() {
    std::string pattern = testing::TempDir() + "/copy.XXXXXX";
    base_ = mkdtemp(pattern.data());
    fs::create_directories(base_ + "/from/sub/deep");
    fs::create_directories(base_ + "/to");
  }
  ~CopyTree() override { fs::remove_all(base_); }

  void write(const std::string& name, const std::string& text) { std::ofstream(base_ + "/" + name) << text; }
  std::string read(const std::string& name) {
    std::ifstream file(base_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  struct stat stat_of(const std::string& name) {
    struct stat info{};
    EXPECT_EQ(lstat((base_ + "/" + name).c_str(), &info), 0) << name;
    return info;
  }
  Result<void> copy() {
    UniqueFd from(open((base_ + "/from").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    UniqueFd to(open((base_ + "/to").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return copy_tree(from.get(), to.get());
  }

  std::string base_;
};

TEST_F(CopyTree, ContentModesTimesAndLinks) {
  write("from/file", "text\n");
  write("from/empty", "");
  std::string large(3 << 20, 'x');
  write("from/sub/large", large);
  chmod((base_ + "/from/file").c_str(), 04751);
  chmod((base_ + "/from/sub").c_str(), 01777);
  chmod((base_ + "/from").c_str(), 0751);
  fs::create_hard_link(base_ + "/from/file", base_ + "/from/sub/deep/again");
  mkfifo((base_ + "/from/pipe").c_str(), 0640);
  timespec times[2] = {{1000, 5}, {2000, 7}};
  utimensat(AT_FDCWD, (base_ + "/from/file").c_str(), times, 0);
  utimensat(AT_FDCWD, (base_ + "/from/sub").c_str(), times, 0);

  auto copied = copy();
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_EQ(read("to/file"), "text\n");
  EXPECT_TRUE(read("to/sub/large") == large);
  EXPECT_EQ(stat_of("to/empty").st_size, 0);
  EXPECT_EQ(stat_of("to/file").st_mode & 07777, 04751u);
  EXPECT_EQ(stat_of("to/sub").st_mode & 07777, 01777u);
  EXPECT_EQ(stat_of("to").st_mode & 07777, 0751u);
  EXPECT_TRUE(S_ISFIFO(stat_of("to/pipe").st_mode));
  EXPECT_EQ(stat_of("to/pipe").st_mode & 07777, 0640u);
  EXPECT_EQ(stat_of("to/file").st_ino, stat_of("to/sub/deep/again").st_ino);
  for (const char* name : {"to/file", "to/sub"}) {
    EXPECT_EQ(stat_of(name).st_mtim.tv_sec, 2000) << name;
    EXPECT_EQ(stat_of(name).st_mtim.tv_nsec, 7) << name;
  }
}

TEST_F(CopyTree, SymbolicLinksAreCopiedAndNeverFollowed) {
  write("outside", "secret\n");
  fs::create_directories(base_ + "/elsewhere");
  write("elsewhere/file", "secret\n");
  fs::create_symlink(base_ + "/outside", base_ + "/from/file");
  fs::create_symlink(base_ + "/elsewhere", base_ + "/from/folder");
  fs::create_symlink("../../../nowhere", base_ + "/from/sub/dangling");
  auto copied = copy();
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_EQ(fs::read_symlink(base_ + "/to/file"), base_ + "/outside");
  EXPECT_EQ(fs::read_symlink(base_ + "/to/folder"), base_ + "/elsewhere");
  EXPECT_EQ(fs::read_symlink(base_ + "/to/sub/dangling"), "../../../nowhere");
}

TEST_F(CopyTree, ExtendedAttributes) {
  write("from/file", "text");
  if (setxattr((base_ + "/from/file").c_str(), "user.note", "value", 5, 0) != 0)
    GTEST_SKIP() << "no extended attributes in " << base_;
  ASSERT_TRUE(copy());
  char value[16] = {};
  EXPECT_EQ(getxattr((base_ + "/to/file").c_str(), "user.note", value, sizeof value), 5);
  EXPECT_STREQ(value, "value");
}

TEST_F(CopyTree, TooDeepIsAnErrorAndNoCrash) {
  std::string path = base_ + "/from";
  for (int i = 0; i < 300; ++i) path += "/d";
  fs::create_directories(path);
  auto copied = copy();
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, ELOOP);
}

}  // namespace
}  // namespace rcrt
