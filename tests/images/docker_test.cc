// SPDX-License-Identifier: MIT
// Images that docker makes and saves, compared with what umoci unpacks; and ours, given to docker.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/images/docker_daemon.h"
#include "tests/images/foreign.h"

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;

class DockerTest : public ForeignTest {
 protected:
  static void SetUpTestSuite() {
    ForeignTest::SetUpTestSuite();
    if (!stage || !DockerDaemon::is_installed()) return;
    daemon = std::make_unique<DockerDaemon>(stage->dir());
    docker = daemon->client();
  }
  static void TearDownTestSuite() {
    daemon.reset();
    ForeignTest::TearDownTestSuite();
  }
  void SetUp() override {
    ForeignTest::SetUp();
    if (!daemon) GTEST_SKIP() << "docker is not installed";
  }

  static inline std::unique_ptr<DockerDaemon> daemon;
  static inline std::string docker;
};

// Several layers with whiteouts, one of them twice, and several images in one archive.
TEST_F(DockerTest, WhatDockerSaves) {
  shell("tar -C " + path("base") + " --xattrs --xattrs-include='*' -c . | " + docker +
        "import --change 'ENV MADE=docker' --change 'CMD [\"/bin/find\", \"/setuid\"]' - made:1");
  fs::create_directories(path("more/dir"));
  std::ofstream(path("more/dir/added")) << "added";
  for (const char* next : {"2", "3"}) {
    shell(docker + "create --name changed made:1 /bin/true");
    shell(docker + "cp " + path("more") + "/. changed:/");
    shell(docker + "commit changed made:" + next + " && " + docker + "rm changed");
  }
  std::ofstream(path("more/Dockerfile")) << "FROM made:1\nCOPY dir /dir\nCOPY dir /dir\nENV LAST=yes\n";
  shell("DOCKER_BUILDKIT=0 " + docker + "build -q -t made:4 " + path("more"));
  shell(docker + "save -o " + path("saved.tar") + " made:1 made:2 made:3 made:4");
  for (const char* tag : {"1", "2", "4"}) {
    const std::string one = path(std::string("saved") + tag + ".tar"), layout = path("umoci-docker");
    shell(docker + "save -o " + one + " made:" + tag);
    fs::remove_all(layout);
    copy("", "docker-archive:" + one, "oci:" + layout + ":x");
    compare("docker-archive:" + one, layout + ":x");
    compare(one, layout + ":x");
    compare("docker-archive:" + path("saved.tar") + ":made:" + tag, layout + ":x");
  }
  Output all = run({"load", "-i", path("saved.tar")});
  for (const char* tag : {"1", "2", "3", "4"})
    EXPECT_THAT(all.out, HasSubstr(std::string("Loaded image: docker.io/library/made:") + tag + "\n")) << all;
  EXPECT_EQ(run({"run", "--rm", "made:1"}).out, "/setuid\n");
  EXPECT_THAT(run({"image", "inspect", "-f", "{{.Config.Env}}", "made:4"}).out,
              testing::AllOf(HasSubstr("MADE=docker"), HasSubstr("LAST=yes")));
  // The same image to both: its id is that of its configuration.
  for (const char* tag : {"1", "2", "3", "4"})
    EXPECT_EQ(run({"image", "inspect", "-f", "{{.Id}}", std::string("made:") + tag}).out,
              observe(docker + "image inspect -f '{{.Id}}' made:" + tag));
  EXPECT_EQ(run({"rmi", "made:1", "made:2", "made:3", "made:4"}).code, 0);
}

TEST_F(DockerTest, DockerReadsWhatWeSave) {
  ASSERT_EQ(run({"load", "-q", "oci:" + layout() + ":x"}).code, 0);
  ASSERT_EQ(run({"save", "-o", path("ours.tar"), "localhost/x"}).code, 0);
  EXPECT_THAT(observe(docker + "load -i " + path("ours.tar") + " 2>&1"), HasSubstr("localhost/x:latest"));
  EXPECT_EQ(run({"image", "inspect", "-f", "{{.Id}}", "localhost/x"}).out,
            observe(docker + "image inspect -f '{{.Id}}' localhost/x"));
  shell(docker + "create --name ours localhost/x /bin/true");
  shell("mkdir -p " + path("exported") + " && " + docker + "export ours | tar -C " + path("exported") +
        " -xp --exclude=./dev --exclude=dev --exclude=proc --exclude=sys --exclude=etc --exclude=.dockerenv");
  const auto theirs = look(path("exported")), ours = unpacked_by_us("localhost/x");
  EXPECT_EQ(theirs.at("/setuid"), ours.at("/setuid"));
  EXPECT_EQ(theirs.at("/dir/link"), ours.at("/dir/link"));
  for (const auto& [name, line] : ours) EXPECT_TRUE(theirs.contains(name)) << name;
  shell(docker + "rm ours");
}

}  // namespace
}  // namespace rcrt::test
