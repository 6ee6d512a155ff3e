// SPDX-License-Identifier: MIT
#include "core/container.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>

#include <filesystem>
#include <fstream>

namespace rcrt {
namespace {

namespace fs = std::filesystem;

class NamesTest : public testing::Test {
 protected:
  NamesTest() {
    std::string pattern = testing::TempDir() + "/containers.XXXXXX";
    paths_.root = mkdtemp(pattern.data());
    paths_.state = paths_.root + "/state";
    fs::create_directories(paths_.names());
  }
  ~NamesTest() override { fs::remove_all(paths_.root); }

  // A container as `run` records it; without a name, one that is not recorded yet.
  std::string make(const char* digits, const std::string& name = {}) {
    std::string id = digits + std::string(64 - strlen(digits), '0');
    fs::create_directories(paths_.container(id));
    if (!name.empty()) std::ofstream(paths_.container(id) + "/config.json") << Json{{"name", name}};
    return id;
  }
  std::string find(const std::string& name) { return store_.find(name).value_or("none"); }

  Paths paths_;
  ContainerStore store_{paths_};
};

TEST_F(NamesTest, AGeneratedNameIsFoundThoughItIsWrittenNowhere) {
  const std::string half_made = make("00010002aaaa");
  const std::string recorded = make("00010002bbbb", "brisk_cabin_bbbb");
  ASSERT_EQ(generated_name(recorded), "brisk_cabin_bbbb");
  EXPECT_TRUE(store_.take_name("brisk_cabin_bbbb", recorded));
  EXPECT_TRUE(fs::is_empty(paths_.names()));
  EXPECT_EQ(find("brisk_cabin_bbbb"), recorded);
  EXPECT_EQ(find("brisk_cabin_aaaa"), half_made);
  EXPECT_EQ(find("brisk_cabin_cccc"), "none");
}

TEST_F(NamesTest, AChosenNameTakesThePlaceOfTheGeneratedOne) {
  const std::string id = make("00010002aaaa", "web");
  EXPECT_TRUE(store_.take_name("web", id));
  EXPECT_EQ(find("web"), id);
  EXPECT_EQ(find("brisk_cabin_aaaa"), "none");
  store_.give_up_name("web", id);
  EXPECT_EQ(find("web"), "none");
}

TEST_F(NamesTest, NobodyTakesANameThatSomebodyHas) {
  const std::string generated = make("00010002aaaa", "brisk_cabin_aaaa"), other = make("00020002bbbb");
  EXPECT_EQ(store_.take_name("brisk_cabin_aaaa", other).error().code, EEXIST);
  EXPECT_TRUE(store_.take_name("calm_cabin_cccc", other));
  EXPECT_EQ(store_.take_name("calm_cabin_cccc", generated).error().code, EEXIST);
  // One whose generated name somebody chose before.
  const std::string late = make("00020002cccc");
  ASSERT_EQ(generated_name(late), "calm_cabin_cccc");
  EXPECT_EQ(store_.take_name("calm_cabin_cccc", late).error().code, EEXIST);
}

}  // namespace
}  // namespace rcrt
