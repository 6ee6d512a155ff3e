// SPDX-License-Identifier: MIT
// docker pulls what we push, and we pull what it pushes, by way of a registry that is none of ours.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/images/docker_daemon.h"
#include "tests/registry/real_registry.h"
#include "tests/registry/registry_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;

class DockerTest : public RegistryTest {
 protected:
  void SetUp() override {
    if (!have_program("docker-registry")) GTEST_SKIP() << "docker-registry is not installed";
    if (!DockerDaemon::is_installed()) GTEST_SKIP() << "docker is not installed";
    RegistryTest::SetUp();
  }
  void TearDown() override {
    if (stage)
      for (const char* name : {"/real", "/docker-data", "/docker-exec", "/docker.sock"})
        std::filesystem::remove_all(stage->dir() + name);
    RegistryTest::TearDown();
  }
};

TEST_F(DockerTest, ByWayOfARegistry) {
  RealRegistry real(stage->dir() + "/real", false, RegistryAuth::none);
  const DockerDaemon daemon(stage->dir());
  const std::string ours = real.host() + "/ours/busybox:1", theirs = real.host() + "/theirs/busybox:1";
  ASSERT_EQ(run({"push", "busybox", ours}).code, 0);
  EXPECT_THAT(observe(daemon.client() + "pull -q " + ours + " 2>&1"), HasSubstr(ours));
  const std::string id = run({"image", "inspect", "-f", "{{.Id}}", "busybox"}).out;
  EXPECT_EQ(observe(daemon.client() + "image inspect -f '{{.Id}}' " + ours), id);

  observe(daemon.client() + "tag " + ours + " " + theirs);
  EXPECT_THAT(observe(daemon.client() + "push " + theirs + " 2>&1"), HasSubstr("digest: sha256:"));
  Output pulled = pull(theirs);
  ASSERT_EQ(pulled.code, 0) << pulled;
  EXPECT_EQ(pulled.out, id);
  EXPECT_EQ(run({"run", "--rm", theirs, "echo", "hello"}).out, "hello\n");
  EXPECT_EQ(run({"rmi", theirs}).code, 0);
}

}  // namespace
}  // namespace rcrt::test
