// SPDX-License-Identifier: MIT
// mounts[] with the option idmap, and with mappings of their own.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;

class IdMap : public OciTest {
 protected:
  static void SetUpTestSuite() {
    OciTest::SetUpTestSuite();
    if (!stage) return;
    mkdir(source().c_str(), 0755);
    mkdir((rootfs() + "/data").c_str(), 0755);
    stage->file("shared/here", "x");
    EXPECT_EQ(chown((source() + "/here").c_str(), 3, 4), 0);
  }
  static std::string source() { return stage->dir() + "/shared"; }
  // Shows whom the bound file belongs to.
  static Json shows_owner(const Json& mount) {
    Json spec = config("stat -c %u:%g /data/here");
    Json whole = {{"destination", "/data"}, {"type", "bind"}, {"source", source()}, {"options", {"rbind"}}};
    whole.update(mount);
    spec["mounts"].push_back(whole);
    return spec;
  }
  static Json mapping(int host) {
    return Json::array({{{"containerID", 0}, {"hostID", host}, {"size", 1000}}});
  }
};

TEST_F(IdMap, MappingsOfItsOwn) {
  Json mappings = {{"uidMappings", mapping(5000)}, {"gidMappings", mapping(6000)}};
  EXPECT_EQ(run(shows_owner(Json::object())).out, "3:4\n");
  EXPECT_EQ(run(shows_owner(mappings)).out, "5003:6004\n");
  mappings["options"] = {"rbind", "ridmap"};
  EXPECT_EQ(run(shows_owner(mappings)).out, "5003:6004\n");
}

TEST_F(IdMap, OnlyTheRecursiveFormReachesWhatIsBelow) {
  const std::string below = source() + "/below";
  mkdir(below.c_str(), 0755);
  ASSERT_EQ(mount("tmpfs", below.c_str(), "tmpfs", 0, nullptr), 0);
  stage->file("shared/below/file", "x");
  EXPECT_EQ(chown((below + "/file").c_str(), 3, 4), 0);
  for (auto [option, owner] : {std::pair{"idmap", "3:4\n"}, {"ridmap", "5003:6004\n"}}) {
    Json spec = shows_owner(
        {{"uidMappings", mapping(5000)}, {"gidMappings", mapping(6000)}, {"options", {"rbind", option}}});
    spec["process"]["args"] = {"sh", "-c", "stat -c %u:%g /data/here /data/below/file"};
    EXPECT_EQ(run(spec).out, std::string("5003:6004\n") + owner) << option;
  }
  EXPECT_EQ(umount2(below.c_str(), MNT_DETACH), 0);
}

TEST_F(IdMap, MappingsOfTheContainer) {
  Json spec = shows_owner({{"options", {"bind", "idmap"}}});
  spec["linux"]["namespaces"].push_back({{"type", "user"}});
  spec["linux"]["uidMappings"] = mapping(5000);
  spec["linux"]["gidMappings"] = mapping(6000);
  // The root belongs to the host's root; to look is enough.
  EXPECT_EQ(run(spec).out, "3:4\n");
  spec["mounts"].back()["options"] = {"bind"};
  EXPECT_EQ(run(spec).out, "65534:65534\n");
}

TEST_F(IdMap, Refused) {
  EXPECT_THAT(refused(shows_owner({{"options", {"bind", "idmap"}}})), HasSubstr("idmap needs uidMappings"));
  EXPECT_THAT(refused(shows_owner({{"uidMappings", mapping(1)}})), HasSubstr("need one another"));
  EXPECT_THAT(refused(shows_owner({{"type", "tmpfs"}, {"source", "tmpfs"}, {"options", {"idmap"}}})),
              HasSubstr("only bind mounts"));
}

}  // namespace
}  // namespace rcrt::test
