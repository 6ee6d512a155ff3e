// SPDX-License-Identifier: MIT
#include "storage_fixture.h"

namespace rcrt::testing {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class Dir : public StorageTest {
 protected:
  Dir() : StorageTest("plugins/storage-dir/storage-dir.so") {}
};

TEST_F(Dir, UsesTheDirectoryInPlaceWithWhatIsMountedBelow) {
  write(base_ + "/root/file", "text");
  fs::create_directories(base_ + "/root/sub");
  ASSERT_EQ(::mount("tmpfs", (base_ + "/root/sub").c_str(), "tmpfs", 0, nullptr), 0);
  write(base_ + "/root/sub/inner", "deep");
  ASSERT_EQ(host.call(storage->prepare, {{"source", base_ + "/root"}}), 0) << host.error_what;
  enter();
  EXPECT_EQ(read(at() + "/sub/inner"), "deep");
  write(at() + "/file", "changed");
  EXPECT_EQ(read(base_ + "/root/file"), "changed");
}

TEST_F(Dir, ReadOnlyIsRecursiveAndLeavesTheOriginalWritable) {
  fs::create_directories(base_ + "/root/sub");
  ASSERT_EQ(::mount("tmpfs", (base_ + "/root/sub").c_str(), "tmpfs", 0, nullptr), 0);
  ASSERT_EQ(host.call(storage->prepare, {{"source", base_ + "/root"}, {"read_only", true}}), 0);
  enter();
  for (const char* path : {"/x", "/sub/x"}) {
    EXPECT_EQ(::mkdir((at() + path).c_str(), 0755), -1);
    EXPECT_EQ(errno, EROFS) << path;
    EXPECT_EQ(::mkdir((base_ + "/root" + path).c_str(), 0755), 0) << path;
  }
}

TEST_F(Dir, SaysWhatIsWrongWithTheSource) {
  write(base_ + "/file", "");
  EXPECT_EQ(host.call(storage->prepare, {{"source", base_ + "/file"}}), -ENOTDIR);
  EXPECT_EQ(host.error_object, base_ + "/file");
  EXPECT_EQ(host.call(storage->prepare, {{"source", base_ + "/absent"}}), -ENOENT);
  EXPECT_EQ(host.errors, 1);
  EXPECT_EQ(host.call(storage->prepare, {{"source", "relative"}}), -EINVAL);
  EXPECT_EQ(host.call(storage->prepare, json::object()), -EINVAL);
}

}  // namespace
}  // namespace rcrt::testing
