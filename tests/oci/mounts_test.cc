// SPDX-License-Identifier: MIT
// mounts add, mounts remove.
#include <gmock/gmock.h>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Mounts : public OciTest {
 protected:
  static Output change(const char* verb, const Json& mounts) {
    return oci({"mounts", verb, "c1", stage->file("mounts.json", mounts.dump())});
  }
  static std::string inside(const std::string& script) { return oci({"exec", "c1", "sh", "-c", script}).out; }
  static Json some() {
    return {
        {{"destination", "/dev/shm/t"}, {"type", "tmpfs"}, {"source", "t"}, {"options", {"size=64k", "ro"}}},
        {{"destination", "/dev/shm/f"},
         {"source", stage->file("bound", "bound\n")},
         {"options", {"bind", "nosuid"}}}};
  }
  static void add_users(Json& spec) {
    spec["linux"]["namespaces"].push_back({{"type", "user"}});
    spec["linux"]["uidMappings"] =
        spec["linux"]["gidMappings"] = {{{"containerID", 0}, {"hostID", 0}, {"size", 1000}}};
  }
  static void expect_added_and_removed() {
    Output added = change("add", some());
    ASSERT_EQ(added.code, 0) << added;
    EXPECT_EQ(inside("cat /dev/shm/f; grep -c ' /dev/shm/[tf] ' /proc/self/mountinfo"), "bound\n2\n");
    EXPECT_THAT(inside("grep ' /dev/shm/t ' /proc/self/mountinfo"),
                AllOf(HasSubstr(" ro,"), HasSubstr("size=64k")));
    Output removed = change("remove", some());
    EXPECT_EQ(removed.code, 0) << removed;
    EXPECT_EQ(inside("grep -c ' /dev/shm/[tf] ' /proc/self/mountinfo"), "0\n");
    removed = change("remove", {{{"destination", "/dev/shm/t"}}});
    EXPECT_EQ(removed.code, 1);
    EXPECT_THAT(removed.err, HasSubstr("cannot unmount \"/dev/shm/t\""));
  }
};

TEST_F(Mounts, AddedAndRemoved) {
  ASSERT_EQ(create("c1", config("sleep 1000")).code, 0);
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  expect_added_and_removed();
}

TEST_F(Mounts, InAUserNamespace) {
  Json spec = config("sleep 1000");
  add_users(spec);
  ASSERT_EQ(create("c1", spec).code, 0);
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  expect_added_and_removed();
}

TEST_F(Mounts, AllAreAddedOrNone) {
  for (const bool users : {false, true}) {
    Json spec = config("sleep 1000");
    if (users) add_users(spec);
    ASSERT_EQ(create("c1", spec).code, 0);
    ASSERT_EQ(oci({"start", "c1"}).code, 0);
    const std::string before = inside("cat /proc/self/mountinfo");
    Json mounts = some(), twice = some();
    twice.insert(twice.end(), mounts.begin(), mounts.end());
    for (const Json& last : Json{{{"destination", "/dev/shm/x"}, {"type", "none-such"}},
                                 {{"destination", "/dev/shm/f/x"}, {"type", "tmpfs"}},
                                 {{"destination", "/sys/x"}, {"type", "tmpfs"}}}) {
      for (Json list : {mounts, twice}) {
        list.push_back(last);
        EXPECT_EQ(change("add", list).code, 1) << last;
        EXPECT_EQ(inside("cat /proc/self/mountinfo"), before) << last;
      }
    }
    expect_added_and_removed();
    EXPECT_EQ(oci({"delete", "--force", "c1"}).code, 0);
  }
}

TEST_F(Mounts, WithoutPivotTheyCannotBeChanged) {
  EXPECT_EQ(run(config("echo ran"), {"--no-pivot"}).out, "ran\n");
  Output created = oci_apart({"create", "--no-pivot", "--bundle", bundle_of("sleep 1000"), "c1"});
  ASSERT_EQ(created.code, 0) << created;
  EXPECT_THAT(change("add", some()).err, HasSubstr("without a mount namespace of its own"));
}

TEST_F(Mounts, Refused) {
  EXPECT_THAT(change("add", some()).err, HasSubstr("container does not exist"));
  ASSERT_EQ(create("c1", config("sleep 1000")).code, 0);
  EXPECT_THAT(change("change", some()).err, HasSubstr("use add or remove"));
  EXPECT_THAT(change("add", Json::object()).err, HasSubstr("not an array of mounts"));
  EXPECT_THAT(change("add", {{{"destination", "/dev"}, {"options", {"remount", "ro"}}}}).err,
              HasSubstr("mounts[0].options \"remount\""));
  EXPECT_THAT(change("add", {{{"destination", 5}}}).err, HasSubstr("mounts[0].destination \"5\""));
  EXPECT_THAT(change("add", {{{"destination", "/x"}, {"options", {"bind"}}, {"source", "/nosuch"}}}).err,
              HasSubstr("cannot bind the source of mounts[0] \"/nosuch\""));
}

}  // namespace
}  // namespace rcrt::test
