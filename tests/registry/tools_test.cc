// SPDX-License-Identifier: MIT
// Images of other people's tools, from a registry that is none of ours.
#include <filesystem>

#include "base/tree.h"
#include "tests/registry/real_registry.h"
#include "tests/registry/registry_stage.h"

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;

class ToolsTest : public RegistryTest {
 protected:
  void SetUp() override {
    for (const char* program : {"docker-registry", "umoci", "skopeo"})
      if (!have_program(program)) GTEST_SKIP() << program << " is not installed";
    RegistryTest::SetUp();
  }
  void TearDown() override {
    if (stage) {
      std::error_code ignored;
      fs::remove_all(stage->dir() + "/real", ignored);
      fs::remove_all(stage->dir() + "/work", ignored);
    }
    RegistryTest::TearDown();
  }
  // Everything of a tree, a line a file.
  static std::string look(const std::string& top) {
    return observe("cd " + top +
                   " && find . -printf '%p %y %m %U:%G %l %T@\\n' | sort; find . -type f -print0 | sort -z | "
                   "xargs -0 sha256sum");
  }
};

// An image by buildah and umoci, with whiteouts, links and times; unpacked as umoci does.
TEST_F(ToolsTest, ImagesOfOtherTools) {
  RealRegistry real(stage->dir() + "/real", false, RegistryAuth::none);
  const std::string host = real.host();
  const std::string work = stage->dir() + "/work";
  fs::create_directories(work);
  const std::string script =
      "set -e; cd " + work +
      "; umoci init --layout l; umoci new --image l:x; umoci unpack --image l:x b >/dev/null 2>&1"
      "; mkdir -p b/rootfs/d/e b/rootfs/gone; echo one >b/rootfs/d/one; echo two >b/rootfs/d/two"
      "; ln b/rootfs/d/one b/rootfs/hard; ln -s ../etc b/rootfs/d/sym; mkfifo b/rootfs/fifo; chmod 4755 "
      "b/rootfs/d/two"
      "; chown 12:34 b/rootfs/d/two; echo x >b/rootfs/gone/x; touch -d 2001-02-03 b/rootfs/d/one"
      "; umoci repack --image l:x b 2>/dev/null; rm -rf b; umoci unpack --image l:x b >/dev/null 2>&1"
      "; rm -r b/rootfs/gone; rm b/rootfs/d/two; mkdir b/rootfs/gone; echo new >b/rootfs/gone/new"
      "; umoci repack --image l:x b 2>/dev/null; umoci unpack --image l:x out >/dev/null 2>&1"
      "; skopeo copy -q --dest-tls-verify=false oci:l:x docker://" +
      host +
      "/team/x"
      "; skopeo copy -q --dest-tls-verify=false --format v2s2 oci:l:x docker://" +
      host + "/team/docker";
  ASSERT_EQ(observe("bash -c '" + script + "'"), "");
  for (const char* name : {"/team/x", "/team/docker"}) {
    Output pulled = run({"pull", host + name});
    ASSERT_EQ(pulled.code, 0) << pulled;
    ASSERT_EQ(run({"unpack", host + name, work + "/ours"}).code, 0);
    EXPECT_EQ(look(work + "/ours"), look(work + "/out/rootfs"));
    EXPECT_TRUE(remove_tree((work + "/ours").c_str()));
    // And back again, unchanged.
    ASSERT_EQ(run({"push", host + name, host + "/again" + name}).code, 0);
    EXPECT_EQ(observe("skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://" + host + name),
              observe("skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://" + host + "/again" +
                      name));
    EXPECT_EQ(run({"rmi", host + name}).code, 0);
  }
}

}  // namespace
}  // namespace rcrt::test
