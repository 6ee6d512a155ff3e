// SPDX-License-Identifier: MIT
// As root: only what root owns and nobody else can write is loaded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/plugin_host.h"
#include "tests/plugins/zoo.h"

namespace rcrt {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr char kBuilt[] = "tests/plugins/zoo/net-answers.so";

class RootTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    file_ = folder_.add(kBuilt, "net-answers.so");
  }
  // Loads it; "" or the message. Whatever happens, nothing is left, and list() agrees.
  std::string load() {
    zoo::Snapshot before(folder_.path());
    std::string message;
    {
      PluginHost host({folder_.path()}, nullptr);
      auto plugin = host.load("net", "answers");
      if (!plugin) message = plugin.error().message();
      auto files = host.list();
      EXPECT_EQ(files.size(), 1u);
      for (const auto& f : files) EXPECT_EQ(f.problem, message);
    }
    EXPECT_EQ(zoo::Snapshot(folder_.path()), before);
    return message;
  }

  zoo::Folder folder_;
  std::string file_;
};

TEST_F(RootTest, OwnedByRootAndClosedToOthersIsLoaded) { EXPECT_EQ(load(), ""); }

TEST_F(RootTest, AFileOthersCanWriteIsRefused) {
  for (mode_t mode : {0664, 0646, 0777}) {
    chmod(file_.c_str(), mode);
    EXPECT_THAT(load(), AllOf(HasSubstr("others than root can write"), HasSubstr(file_), HasSubstr("chmod")));
  }
}

TEST_F(RootTest, AFileSomebodyElseOwnsIsRefused) {
  ASSERT_EQ(chown(file_.c_str(), 65534, 0), 0);
  EXPECT_THAT(load(), AllOf(HasSubstr("root does not own"), HasSubstr(file_), HasSubstr("chown")));
}

TEST_F(RootTest, AFolderOthersCanWriteIsRefused) {
  for (mode_t mode : {0775, 0707, 01777}) {
    chmod(folder_.path().c_str(), mode);
    EXPECT_THAT(load(), AllOf(HasSubstr("others than root can write"), HasSubstr(folder_.path()),
                              HasSubstr("net-answers.so")));
  }
}

TEST_F(RootTest, AFolderSomebodyElseOwnsIsRefused) {
  ASSERT_EQ(chown(folder_.path().c_str(), 65534, 0), 0);
  EXPECT_THAT(load(), HasSubstr("root does not own"));
}

TEST_F(RootTest, ALinkWithinTheFolderIsFollowed) {
  std::filesystem::rename(file_, folder_.file("v1.so"));
  std::filesystem::create_symlink("v1.so", file_);
  EXPECT_EQ(load(), "");
  chmod(folder_.file("v1.so").c_str(), 0666);
  EXPECT_THAT(load(), HasSubstr("others than root can write")) << "the target counts, not the link";
}

TEST_F(RootTest, ALinkOutOfTheFolderIsRefused) {
  zoo::Folder elsewhere;
  std::string target = elsewhere.add(kBuilt, "net-answers.so");
  std::filesystem::remove(file_);
  for (const std::string& to :
       {target, "../" + std::filesystem::path(elsewhere.path()).filename().string() + "/net-answers.so"}) {
    std::filesystem::create_symlink(to, file_);
    EXPECT_THAT(load(), AllOf(HasSubstr("symbolic link out of its folder"), HasSubstr(file_))) << to;
    std::filesystem::remove(file_);
  }
}

TEST_F(RootTest, ALinkIntoASubfolderIsRefusedForItsOwnerMayDiffer) {
  std::filesystem::create_directory(folder_.file("sub"));
  std::filesystem::rename(file_, folder_.file("sub/net-answers.so"));
  std::filesystem::create_symlink("sub/net-answers.so", file_);
  EXPECT_THAT(load(), HasSubstr("symbolic link out of its folder"));
}

// The folder's path is swapped between two loads: what was checked is what is used.
TEST_F(RootTest, ASwappedFolderIsNotFollowed) {
  folder_.add("tests/plugins/zoo/net-throws.so", "net-throws.so");
  zoo::Folder evil;
  evil.write("net-throws.so", "not the real one");
  std::string aside = folder_.path() + ".aside";
  {
    PluginHost host({folder_.path()}, nullptr);
    ASSERT_TRUE(host.load("net", "answers").has_value());
    std::filesystem::rename(folder_.path(), aside);
    std::filesystem::create_directory_symlink(evil.path(), folder_.path());
    auto plugin = host.load("net", "throws");
    EXPECT_TRUE(plugin.has_value()) << plugin.error().message();
  }
  std::filesystem::remove(folder_.path());
  std::filesystem::rename(aside, folder_.path());
}

}  // namespace
}  // namespace rcrt
