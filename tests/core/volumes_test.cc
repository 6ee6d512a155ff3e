// SPDX-License-Identifier: MIT
#include "core/volumes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace rcrt {
namespace {

namespace fs = std::filesystem;

class VolumesTest : public testing::Test {
 protected:
  VolumesTest() {
    std::string pattern = testing::TempDir() + "/volumes.XXXXXX";
    paths_.root = mkdtemp(pattern.data());
    store_.emplace(paths_);
    fs::create_directories(paths_.root + "/content/sub");
    std::ofstream(paths_.root + "/content/sub/file") << "of the image\n";
  }
  ~VolumesTest() override { fs::remove_all(paths_.root); }

  UniqueFd content() { return UniqueFd(open((paths_.root + "/content").c_str(), O_RDONLY | O_CLOEXEC)); }
  std::string names() {
    std::string all;
    for (const auto& volume : store_->list()) all += volume.name + " ";
    return all;
  }
  size_t entries() {
    return static_cast<size_t>(std::distance(fs::directory_iterator(paths_.root + "/volumes"), {}));
  }

  Paths paths_;
  std::optional<VolumeStore> store_;
};

TEST_F(VolumesTest, AreMadeListedAndRemoved) {
  EXPECT_EQ(names(), "");
  ASSERT_TRUE(store_->create("b"));
  ASSERT_TRUE(store_->create("a", true, {{"key", "value"}}));
  ASSERT_TRUE(store_->create("b")) << "one that exists is no error";
  EXPECT_EQ(names(), "a b ");
  auto volume = store_->load("a");
  ASSERT_TRUE(volume);
  EXPECT_TRUE(volume->anonymous);
  EXPECT_EQ(volume->labels, (Json{{"key", "value"}}));
  EXPECT_GT(volume->created, 0);
  EXPECT_EQ(volume->data, paths_.root + "/volumes/a/_data");
  EXPECT_TRUE(fs::is_directory(volume->data));
  EXPECT_EQ(fs::status(paths_.root + "/volumes/a").permissions(), fs::perms::owner_all);
  ASSERT_TRUE(store_->remove("a"));
  EXPECT_EQ(store_->remove("a").error().code, ENOENT);
  EXPECT_EQ(names(), "b ");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(VolumesTest, NamesCannotLeaveTheFolder) {
  std::ofstream(paths_.root + "/volume.json") << "{}";
  for (const char* name : {"", ".", "..", "../content", "a/b", "/etc", ".hidden", "a\nb", "-a"}) {
    EXPECT_EQ(store_->create(name).error().code, EINVAL) << name;
    EXPECT_EQ(store_->load(name).error().code, EINVAL) << name;
    EXPECT_EQ(store_->use(name, -1).error().code, EINVAL) << name;
    EXPECT_EQ(store_->remove(name).error().code, EINVAL) << name;
  }
}

TEST_F(VolumesTest, TheFirstUseFillsIt) {
  ASSERT_TRUE(store_->create("v"));
  std::string file = store_->data("v") + "/sub/file";
  ASSERT_TRUE(store_->use("v", content().get()));
  std::string text;
  std::getline(std::ifstream(file), text);
  EXPECT_EQ(text, "of the image");
  // Later ones change nothing, not even of an empty one.
  fs::remove_all(store_->data("v") + "/sub");
  ASSERT_TRUE(store_->use("v", content().get()));
  EXPECT_FALSE(fs::exists(file));
  ASSERT_TRUE(store_->create("w"));
  std::ofstream(store_->data("w") + "/mine") << "x";
  ASSERT_TRUE(store_->use("w", content().get()));
  EXPECT_FALSE(fs::exists(store_->data("w") + "/sub")) << "there was something in it";
  ASSERT_TRUE(store_->create("x"));
  ASSERT_TRUE(store_->use("x", -1));
  ASSERT_TRUE(store_->use("x", content().get()));
  EXPECT_TRUE(fs::is_empty(store_->data("x"))) << "it has been used";
}

TEST_F(VolumesTest, ACopyThatWasKilledIsBegunAnew) {
  ASSERT_TRUE(store_->create("v"));
  fs::create_directories(paths_.root + "/volumes/v/_copy/half");
  ASSERT_TRUE(store_->use("v", content().get()));
  EXPECT_TRUE(fs::exists(store_->data("v") + "/sub/file"));
  EXPECT_FALSE(fs::exists(store_->data("v") + "/half"));
  EXPECT_FALSE(fs::exists(paths_.root + "/volumes/v/_copy"));
}

TEST_F(VolumesTest, OneInUseIsNotRemoved) {
  ASSERT_TRUE(store_->create("v"));
  {
    auto one = store_->use("v", -1), other = store_->use("v", -1);
    ASSERT_TRUE(one && other);
    EXPECT_EQ(store_->remove("v").error().code, EBUSY);
  }
  EXPECT_TRUE(store_->remove("v"));
}

TEST_F(VolumesTest, WhatKilledProcessesLeftIsSwept) {
  ASSERT_TRUE(store_->create("v"));
  fs::create_directories(paths_.root + "/volumes/.new.abc123/_data");
  fs::create_directories(paths_.root + "/volumes/.gone.w/_data/deep");
  EXPECT_EQ(names(), "v ");
  ASSERT_TRUE(store_->sweep());
  EXPECT_EQ(entries(), 1u);
}

}  // namespace
}  // namespace rcrt
