// SPDX-License-Identifier: MIT
// The example plugins, built as a third party builds them: outside the source tree, by make,
// with nothing but the headers as they are installed.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rcrt/storage.h>
#include <sys/mount.h>

#include "core/plugin_host.h"
#include "tests/plugins/zoo.h"

namespace rcrt {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

int run(const std::string& command) { return std::system(command.c_str()); }

class ExamplesTest : public testing::TestWithParam<const char*> {
 protected:
  ExamplesTest() : out_(folder_.file("src")) {
    // Headers as packaging installs them: all in one folder.
    fs::create_directories(folder_.file("include/rcrt"));
    for (const char* from : {"include/rcrt", "sdk/cpp/rcrt"})
      for (const auto& header : fs::directory_iterator(zoo::built(from)))
        fs::copy_file(fs::canonical(header.path()),
                      folder_.file("include/rcrt/") + header.path().filename().string());
    fs::create_directories(out_);
    for (const char* shared : {"c.mk", "json.h"})
      fs::copy_file(fs::canonical(zoo::built(std::string("examples/") + shared)), folder_.file(shared));
    for (const auto& source : fs::directory_iterator(zoo::built(std::string("examples/") + GetParam())))
      fs::copy_file(fs::canonical(source.path()), fs::path(out_) / source.path().filename());
  }
  int make(const std::string& goal) {
    return run("make -s -C '" + out_ + "' CXXFLAGS=-O0 RCRT_INCLUDE='" + folder_.file("include") + "' " +
               goal);
  }

  zoo::Folder folder_;
  std::string out_;
};

TEST_P(ExamplesTest, BuildsOutOfTreeAndLoads) {
  ASSERT_EQ(make("storage-loop.so"), 0);
  PluginHost host({out_}, nullptr);
  auto plugin = host.load("storage", "loop");
  ASSERT_TRUE(plugin.has_value()) << plugin.error().message();
  EXPECT_STREQ((*plugin)->entry().version, "1.0");
  const auto* storage = (*plugin)->get<rcrt_storage_v1>(RCRT_STORAGE_V1);
  auto reply = (*plugin)->call(storage->prepare, "prepare",
                               {{"container", "c"}, {"source", "/dev/null"}, {"read_only", false}});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().message(),
            "cannot write to file system image \"/dev/null\": Read-only file system; add --read-only "
            "(storage-loop.so)");
}

TEST_P(ExamplesTest, InstallsWherePluginsLive) {
  ASSERT_EQ(make("install PLUGINDIR=/lib/rcrt/plugins DESTDIR='" + folder_.file("dest") + "'"), 0);
  EXPECT_TRUE(fs::exists(folder_.file("dest/lib/rcrt/plugins/storage-loop.so")));
}

TEST_P(ExamplesTest, MountsAFileSystemAndLeavesNoLoopDevice) {
  if (geteuid() != 0 || access("/dev/loop-control", R_OK | W_OK) != 0)
    GTEST_SKIP() << "needs root and the loop driver";
  // An ext4 file with a folder of ours in it.
  fs::create_directories(folder_.file("content/etc"));
  folder_.write("content/etc/greeting", "hello\n");
  const std::string image = folder_.file("root.img");
  ASSERT_EQ(run("mke2fs -q -t ext4 -d '" + folder_.file("content") + "' '" + image + "' 2M"), 0);
  ASSERT_EQ(make("storage-loop.so"), 0);
  auto loops_on_image = [&] {
    int count = 0;
    for (const auto& block : fs::directory_iterator("/sys/block")) {
      std::ifstream backing(block.path() / "loop/backing_file");
      std::string path;
      count += std::getline(backing, path) && path == image;
    }
    return count;
  };
  {
    PluginHost host({out_}, nullptr);
    auto plugin = host.load("storage", "loop");
    ASSERT_TRUE(plugin.has_value()) << plugin.error().message();
    zoo::Snapshot before(folder_.path());
    const auto* storage = (*plugin)->get<rcrt_storage_v1>(RCRT_STORAGE_V1);
    auto reply = (*plugin)->call(
        storage->prepare, "prepare",
        {{"container", "c"}, {"source", image}, {"read_only", true}, {"options", {{"a", "\"}"}}}});
    if (!reply && reply.error().code == EPERM) GTEST_SKIP() << "may not mount here";
    ASSERT_TRUE(reply.has_value()) << reply.error().message();
    UniqueFd root = reply->take("root");
    ASSERT_TRUE(root.valid());
    EXPECT_EQ(loops_on_image(), 1);
    UniqueFd file(openat(root.get(), "etc/greeting", O_RDONLY | O_CLOEXEC));
    char text[16] = {};
    EXPECT_EQ(read(file.get(), text, sizeof text), 6);
    EXPECT_STREQ(text, "hello\n");
    EXPECT_EQ(openat(root.get(), "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600), -1);
    EXPECT_EQ(errno, EROFS);
    file.reset();
    root.reset();
    EXPECT_EQ(zoo::Snapshot(folder_.path()), before);
  }
  // The device clears itself when the kernel has taken the mount down.
  for (int i = 0; i < 5000 && loops_on_image() != 0; ++i) usleep(1000);
  EXPECT_EQ(loops_on_image(), 0);
}

using CppExampleTest = ExamplesTest;
TEST_P(CppExampleTest, ItsOwnChecksPass) { EXPECT_EQ(make("check"), 0); }
INSTANTIATE_TEST_SUITE_P(Examples, CppExampleTest, testing::Values("storage-loop-cpp"));

INSTANTIATE_TEST_SUITE_P(Examples, ExamplesTest, testing::Values("storage-loop-c", "storage-loop-cpp"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace rcrt
