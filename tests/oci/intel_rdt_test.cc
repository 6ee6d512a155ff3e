// SPDX-License-Identifier: MIT
// linux.intelRdt on a folder that stands for a resctrl file system. The kernel would fill the
// groups that are made with files; here only those that were there before have some.
#include "core/oci/intel_rdt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/files.h"

namespace rcrt::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

class IntelRdtTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "rcrt-rdt-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    fs::create_directories(folder_ + "/made/mon_groups");
    for (const char* file : {"/tasks", "/made/tasks"}) std::ofstream(folder_ + file) << "";
    std::ofstream(folder_ + "/made/schemata") << "    L3:0=ff;1=ff\n    MB:0=20;1=70\n";
  }
  void TearDown() override { fs::remove_all(folder_); }

  Result<IntelRdt> read(const Json& member) const {
    return read_intel_rdt({{"linux", {{"intelRdt", member}}}}, "c1", folder_);
  }
  std::string text(const std::string& file) const { return *read_file(folder_ + file); }

  std::string folder_;
};

TEST_F(IntelRdtTest, WhereItIsMounted) {
  EXPECT_EQ(resctrl_folder("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
                           "31 23 0:27 / /sys/fs/resctrl rw,relatime shared:9 - resctrl resctrl rw\n"),
            "/sys/fs/resctrl");
  EXPECT_EQ(resctrl_folder("30 23 0:26 / /resctrl rw - tmpfs resctrl rw\n"), "");
}

TEST_F(IntelRdtTest, NothingIsDoneWhereNothingIsAskedFor) {
  auto wish = read_intel_rdt(Json::object(), "c1", folder_);
  ASSERT_TRUE(wish);
  EXPECT_TRUE(wish->to_json().is_null());
  EXPECT_TRUE(enter_intel_rdt(*wish, 5));
}

TEST_F(IntelRdtTest, SchemataInTheirOrder) {
  auto wish = read({{"schemata", {"L2:0=f"}}, {"memBwSchema", "MB:0=20"}, {"l3CacheSchema", "L3:0=f"}});
  ASSERT_TRUE(wish);
  EXPECT_THAT(wish->lines, ElementsAre("L3:0=f", "MB:0=20", "L2:0=f"));
  EXPECT_EQ(wish->group, folder_ + "/c1");
}

TEST_F(IntelRdtTest, AGroupOfOthersIsEnteredWhenItIsAsExpected) {
  auto wish = read({{"closID", "made"}, {"memBwSchema", "MB:0=20;1=70"}, {"enableMonitoring", true}});
  ASSERT_TRUE(wish);
  EXPECT_THAT(enter_intel_rdt(*wish, 77).error().message(), HasSubstr("mon_groups/c1/tasks"));
  EXPECT_EQ(text("/made/tasks"), "77");
  EXPECT_TRUE(fs::exists(folder_ + "/made/mon_groups/c1"));
  release_intel_rdt(wish->to_json());
  EXPECT_FALSE(fs::exists(folder_ + "/made/mon_groups/c1"));
  EXPECT_TRUE(fs::exists(folder_ + "/made/tasks"));

  wish = read({{"closID", "made"}, {"memBwSchema", "MB:0=30;1=70"}});
  EXPECT_THAT(enter_intel_rdt(*wish, 78).error().message(), HasSubstr("it lacks MB:0=30;1=70"));
  EXPECT_EQ(text("/made/schemata"), "    L3:0=ff;1=ff\n    MB:0=20;1=70\n");
  wish = read({{"closID", "missing"}});
  EXPECT_THAT(enter_intel_rdt(*wish, 78).error().message(), HasSubstr("names no group"));
}

TEST_F(IntelRdtTest, TheDefaultGroup) {
  auto wish = read({{"closID", "/"}});
  ASSERT_TRUE(wish);
  EXPECT_TRUE(enter_intel_rdt(*wish, 79));
  EXPECT_EQ(text("/tasks"), "79");
  release_intel_rdt(wish->to_json());
  EXPECT_TRUE(fs::exists(folder_ + "/tasks"));
}

TEST_F(IntelRdtTest, AGroupOfTheContainersOwnGoesWithIt) {
  auto wish = read({{"l3CacheSchema", "L3:0=f"}});
  ASSERT_TRUE(wish);
  EXPECT_THAT(enter_intel_rdt(*wish, 80).error().message(), HasSubstr("c1/schemata"));
  EXPECT_TRUE(fs::exists(folder_ + "/c1"));
  release_intel_rdt(wish->to_json());
  EXPECT_FALSE(fs::exists(folder_ + "/c1"));
}

TEST_F(IntelRdtTest, ChangedWhileItRuns) {
  std::ofstream(folder_ + "/made/schemata").close();
  EXPECT_TRUE(change_intel_rdt({{"group", folder_ + "/made"}}, {"MB:0=50"}));
  EXPECT_EQ(text("/made/schemata"), "MB:0=50\n");
  EXPECT_THAT(change_intel_rdt({{"group", ""}}, {"L3:0=f"}).error().message(),
              HasSubstr("no resctrl group of its own"));
  EXPECT_TRUE(change_intel_rdt(Json(), {}));
}

TEST_F(IntelRdtTest, Refused) {
  for (const auto& [member, why] : {std::pair{Json{{"closID", "a/b"}}, "closID \"a/b\""},
                                    {Json{{"closID", ".."}}, "closID \"..\""},
                                    {Json{{"memBwSchema", "L3:0=1"}}, "must begin with MB:"},
                                    {Json{{"schemata", {"L3:0=1\nMB:0=1"}}}, "it must be one line"},
                                    {Json{{"enableMonitoring", 1}}, "true or false"},
                                    {Json(5), "must be an object"}}) {
    auto wish = read(member);
    ASSERT_FALSE(wish) << member;
    EXPECT_THAT(wish.error().message(), HasSubstr("linux.intelRdt"));
    EXPECT_THAT(wish.error().message(), HasSubstr(why));
  }
  EXPECT_THAT(read_intel_rdt({{"linux", {{"intelRdt", Json::object()}}}}, "c1", "").error().message(),
              HasSubstr("no resctrl file system is mounted"));
}

}  // namespace
}  // namespace rcrt::oci
