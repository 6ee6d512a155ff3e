// SPDX-License-Identifier: MIT
// storage-overlay as root, on a tmpfs in a mount namespace of the test's own.
#include <sys/sysmacros.h>

#include <map>

#include "storage_fixture.h"

namespace rcrt::testing {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class Overlay : public StorageTest {
 protected:
  Overlay() : StorageTest("plugins/storage-overlay/storage-overlay.so") {}

  // `count` layers; layer 0 is uppermost. Each has its own file and "/same".
  json request(size_t count) {
    json layers = json::array();
    fs::create_directories(base_ + "/layers/l");
    fs::create_directories(base_ + "/c");
    for (size_t i = 0; i < count; ++i) {
      std::string hex = "layer" + std::to_string(i), link = "l/x" + std::to_string(100000 + i);
      write(base_ + "/layers/" + hex + "/own" + std::to_string(i), hex);
      write(base_ + "/layers/" + hex + "/same", hex);
      fs::create_symlink("../" + hex, base_ + "/layers/" + link);
      layers.push_back(link);
    }
    return {{"container", "c"},
            {"dir", base_ + "/c/storage"},
            {"layers_dir", base_ + "/layers"},
            {"layers", layers}};
  }
  void prepare(const json& r) {
    ASSERT_EQ(host.call(storage->prepare, r), 0)
        << host.error_what << " " << host.error_object << " " << host.error_hint;
  }
};

TEST_F(Overlay, MergesLayersAndKeepsChangesOutOfThem) {
  for (size_t count : {1, 2, 300, 500}) {
    SCOPED_TRACE(count);
    json r = request(count);
    size_t mounts = count_lines("/proc/self/mountinfo");
    std::string cwd = fs::current_path();
    prepare(r);
    EXPECT_EQ(count_lines("/proc/self/mountinfo"), mounts) << "attached somewhere";
    EXPECT_EQ(fs::current_path(), cwd);
    enter();
    EXPECT_EQ(read(at() + "/same"), "layer0");
    EXPECT_EQ(read(at() + "/own" + std::to_string(count - 1)), "layer" + std::to_string(count - 1));
    write(at() + "/same", "changed");
    EXPECT_EQ(read(base_ + "/layers/layer0/same"), "layer0");
    leave();
    // A stop and a start: the change is still there.
    prepare(r);
    enter();
    EXPECT_EQ(read(at() + "/same"), "changed");
    leave();
    ASSERT_EQ(host.call(storage->remove, r), 0) << host.error_what;
    EXPECT_TRUE(fs::is_empty(base_ + "/c"));
    ASSERT_EQ(host.call(storage->remove, r), 0) << "not idempotent";
    fs::remove_all(base_ + "/layers");
  }
}

TEST_F(Overlay, VolatileContainerThatIsKeptMountsAgain) {
  json r = request(2);
  r["volatile"] = true;
  prepare(r);
  enter();
  write(at() + "/new", "kept");
  EXPECT_TRUE(fs::exists(base_ + "/c/storage.work/work/incompat/volatile"));
  leave();
  r["volatile"] = false;
  prepare(r);
  enter();
  EXPECT_EQ(read(at() + "/new"), "kept");
  EXPECT_FALSE(fs::exists(base_ + "/c/storage.work/work/incompat/volatile"));
}

TEST_F(Overlay, WhatWasBegunIsFinishedAndWhatIsNotOursIsRefused) {
  json r = request(1);
  fs::create_directory(base_ + "/c/storage");  // killed before it had more
  prepare(r);
  ASSERT_EQ(host.call(storage->remove, r), 0) << host.error_what;
  fs::create_directories(base_ + "/c/storage/upper");
  EXPECT_EQ(host.call(storage->prepare, r), -ENOTEMPTY);
  EXPECT_EQ(host.error_what, "cannot create the container's storage");
  EXPECT_TRUE(fs::exists(base_ + "/c/storage/upper"));
}

TEST_F(Overlay, ReadOnlyRootOfOneLayer) {
  json r = request(1);
  r["read_only"] = true;
  prepare(r);
  enter();
  EXPECT_EQ(read(at() + "/same"), "layer0");
  EXPECT_EQ(::mkdir((at() + "/x").c_str(), 0755), -1);
  EXPECT_EQ(errno, EROFS);
}

TEST_F(Overlay, DirectoryAsLowerLayerStaysAsItIs) {
  std::string odd = base_ + "/a:b, c\\d\"e";
  write(odd + "/file", "text");
  fs::create_directories(base_ + "/c");
  prepare({{"container", "c"}, {"dir", base_ + "/c/storage"}, {"source", odd}});
  enter();
  write(at() + "/file", "changed");
  EXPECT_EQ(read(odd + "/file"), "text");
}

TEST_F(Overlay, OddCharactersInTheContainersFolder) {
  json r = request(1);
  std::string odd = base_ + "/o,d:d \\x";
  fs::create_directories(odd);
  r["dir"] = odd + "/storage";
  prepare(r);
  enter();
  write(at() + "/same", "changed");
  EXPECT_EQ(read(odd + "/storage/same"), "changed");
}

TEST_F(Overlay, RootTakesModeAndOwnerOfTheUppermostLayer) {
  json r = request(1);
  ASSERT_EQ(::chmod((base_ + "/layers/layer0").c_str(), 01755), 0);
  ASSERT_EQ(::chown((base_ + "/layers/layer0").c_str(), 7, 8), 0);
  prepare(r);
  enter();
  struct stat info;
  ASSERT_EQ(::stat(at().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 01755u);
  EXPECT_EQ(info.st_uid, 7u);
  EXPECT_EQ(info.st_gid, 8u);
}

TEST_F(Overlay, SaysWhichLayerIsMissing) {
  json r = request(2);
  fs::remove_all(base_ + "/layers/layer1");
  EXPECT_EQ(host.call(storage->prepare, r), -ENOENT);
  EXPECT_EQ(host.errors, 1);
  EXPECT_EQ(host.error_object, base_ + "/layers/l/x100001");
  EXPECT_NE(host.error_hint, "");
  fs::remove_all(base_ + "/layers");
  EXPECT_EQ(host.call(storage->prepare, r), -ENOENT);
  EXPECT_NE(host.error_object.find(base_ + "/layers"), std::string::npos);
  r["layers"] = {"../../etc"};
  EXPECT_EQ(host.call(storage->prepare, r), -EINVAL);
  json many = request(1);
  for (int i = 0; i < 501; ++i) many["layers"].push_back("l/x");
  EXPECT_EQ(host.call(storage->prepare, many), -E2BIG);
}

TEST_F(Overlay, DiffAndUsage) {
  json r = request(2);
  write(base_ + "/layers/layer1/d/a", "1");
  write(base_ + "/layers/layer1/d/b", "1");
  write(base_ + "/layers/layer1/gone", "1");
  write(base_ + "/layers/layer1/hidden", "1");
  ASSERT_EQ(::mknod((base_ + "/layers/layer0/hidden").c_str(), S_IFCHR, makedev(0, 0)), 0);
  prepare(r);
  enter();
  fs::remove_all(at() + "/d");
  write(at() + "/d/b", "12345");  // opaque now
  fs::remove(at() + "/gone");
  write(at() + "/same", "xyz");
  write(at() + "/hidden", "n");
  write(at() + "/n/m", "");
  fs::create_hard_link(at() + "/same", at() + "/n/link");
  ASSERT_EQ(host.call(storage->diff, r), 0) << host.error_what;
  std::map<std::string, std::string> changes;
  for (const auto& change : host.result["changes"])
    changes[change["path"].get<std::string>()] = change["kind"].get<std::string>();
  EXPECT_EQ(changes, (std::map<std::string, std::string>{{"/d", "C"},
                                                         {"/d/a", "D"},
                                                         {"/d/b", "C"},
                                                         {"/gone", "D"},
                                                         {"/hidden", "A"},
                                                         {"/n", "A"},
                                                         {"/n/link", "A"},
                                                         {"/n/m", "A"},
                                                         {"/same", "C"}}));
  ASSERT_EQ(host.call(storage->usage, r), 0);
  EXPECT_EQ(host.result["size"], 5 + 3 + 1);
  EXPECT_EQ(host.result["inodes"], 7);  // d d/b gone same(=n/link) hidden n n/m
}

}  // namespace
}  // namespace rcrt::testing
