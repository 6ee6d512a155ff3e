// SPDX-License-Identifier: MIT
// Volumes: made at first use, filled from the image, kept until they are removed.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

class VolumesTest : public StageTest {
 protected:
  static std::string names() { return run({"volume", "ls", "-q"}).out; }
  static std::string data(const std::string& name) { return stage->root() + "/volumes/" + name + "/_data"; }
  // An image with a folder of its own, and one that asks for a volume there.
  static void make_images() {
    if (fs::exists(stage->dir() + "/content")) return;
    std::string root = stage->dir() + "/content";
    ASSERT_EQ(run({"unpack", "busybox", root}).code, 0);
    fs::create_directories(root + "/srv/data/sub");
    stage->file("content/srv/data/sub/file", "of the image\n", 0640);
    ASSERT_EQ(chown((root + "/srv/data/sub/file").c_str(), 1234, 5678), 0);
    ASSERT_EQ(chown((root + "/srv/data").c_str(), 1000, 1000), 0);
    ASSERT_EQ(chmod((root + "/srv/data").c_str(), 0750), 0);
    fs::create_symlink("/srv/data", root + "/link");
    fs::create_symlink("/../../../../../../etc", root + "/out");
    ASSERT_EQ(run({"import", root, "content"}).code, 0);
    ASSERT_EQ(run({"import", "--change", "VOLUME [\"/srv/data/\", \"/fresh\"]", root, "asking"}).code, 0);
  }
  void TearDown() override {
    run({"rm", "-f", "--all"});
    run({"volume", "prune", "-a", "-f"});
    EXPECT_EQ(names(), "");
    StageTest::TearDown();
  }
};

TEST_F(VolumesTest, OfAnotherContainer) {
  const std::string host = stage->dir() + "/of-host";
  fs::create_directories(host);
  ASSERT_EQ(
      run({"run", "--name", "first", "-v", "named:/n", "-v", "/anonymous", "-v", host + ":/bound", "--tmpfs",
           "/t", "busybox", "sh", "-c", "for d in n anonymous bound t; do echo x >/$d/file; done"})
          .code,
      0);
  const std::vector<std::string> show = {"busybox", "sh", "-c",
                                         "ls /n /anonymous /bound; test ! -e /t; "
                                         "touch /n/more 2>/dev/null && echo writable"};
  auto with = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {"run", "--rm"});
    options.insert(options.end(), show.begin(), show.end());
    return run(options).out;
  };
  const std::string files = "/anonymous:\nfile\n\n/bound:\nfile\n\n/n:\nfile\n";
  EXPECT_EQ(with({"--volumes-from", "first:ro"}), files);
  EXPECT_EQ(with({"--volumes-from", "first"}), files + "writable\n");
  // What one says oneself comes first; and the second ones of --volumes-from.
  EXPECT_EQ(with({"--volumes-from", "first", "-v", "other:/n"}),
            "/anonymous:\nfile\n\n/bound:\nfile\n\n/n:\nwritable\n");
  ASSERT_EQ(run({"run", "--name", "second", "--volumes-from", "first", "busybox", "true"}).code, 0);
  // The volume without a name is of both.
  EXPECT_EQ(run({"rm", "-v", "first"}).code, 0);
  EXPECT_EQ(with({"--volumes-from", "second:rw"}).find("/anonymous:\nfile\n"), 0u);
  EXPECT_EQ(run({"rm", "-v", "second"}).code, 0);
  EXPECT_EQ(names(), "named\nother\n");
  EXPECT_THAT(run({"run", "--rm", "--volumes-from", "none", "busybox", "true"}).err,
              HasSubstr("no such container"));
  EXPECT_THAT(run({"run", "--rm", "--volumes-from", "none:x", "busybox", "true"}).err,
              HasSubstr("invalid --volumes-from"));
  fs::remove_all(host);
}

void expect_refused(const Output& output, const std::string& says) {
  EXPECT_EQ(output.code, 125) << output;
  EXPECT_THAT(output.err, AllOf(StartsWith("rcrt: "), HasSubstr(says)));
}

TEST_F(VolumesTest, ANamedOneOutlivesItsContainers) {
  EXPECT_EQ(sh({"-v", "v:/data"}, "echo kept >/data/file").code, 0);
  EXPECT_EQ(names(), "v\n");
  EXPECT_EQ(sh({"--mount", "type=volume,src=v,dst=/elsewhere"}, "cat /elsewhere/file").out, "kept\n");
  Output output = sh({"-v", "v:/data:ro"}, "touch /data/made");
  EXPECT_THAT(output.err, HasSubstr("Read-only"));
  Json volume = Json::parse(run({"volume", "inspect", "v"}).out, nullptr, false)[0];
  EXPECT_EQ(volume["Name"], "v");
  EXPECT_EQ(volume["Mountpoint"], data("v"));
  EXPECT_EQ(run({"volume", "rm", "v"}).out, "v\n");
  EXPECT_NE(access(data("v").c_str(), F_OK), 0);
}

TEST_F(VolumesTest, TheFirstUseCopiesTheImagesContent) {
  make_images();
  auto with = [](const std::string& volume) {
    return run({"run", "--rm", "-v", volume, "content", "sh", "-c",
                "cat /srv/data/sub/file; stat -c '%u:%g %a' /srv/data/sub/file /srv/data"});
  };
  std::string whole = "of the image\n1234:5678 640\n1000:1000 750\n";
  EXPECT_EQ(with("v:/srv/data").out, whole);
  // Through a link that the image has, and never out of the root.
  EXPECT_EQ(run({"run", "--rm", "-v", "w:/link", "content", "cat", "/srv/data/sub/file"}).out,
            "of the image\n");
  EXPECT_EQ(run({"run", "--rm", "-v", "x:/out", "content", "true"}).code, 0);
  EXPECT_EQ(observe("cat " + data("x") + "/passwd"), observe("cat " + stage->dir() + "/content/etc/passwd"));
  // What is in it is not overwritten; nor is it filled when that is not wanted.
  std::ofstream(data("v") + "/sub/file") << "changed\n";
  EXPECT_THAT(with("v:/srv/data").out, StartsWith("changed\n"));
  EXPECT_NE(with("y:/srv/data:nocopy").out, whole);
  EXPECT_EQ(run({"run", "--rm", "--mount", "type=volume,source=z,target=/srv/data,volume-nocopy", "content",
                 "ls", "/srv/data"})
                .out,
            "");
}

TEST_F(VolumesTest, AnonymousOnesGoWithTheirContainer) {
  EXPECT_EQ(sh({"-v", "/data"}, "echo x >/data/file; grep -c ' /data ' /proc/mounts").out, "1\n");
  EXPECT_EQ(names(), "") << "--rm takes it along";
  ASSERT_EQ(run({"run", "-d", "--name", "c", "-v", "/data", "-v", "named:/named", "busybox", "true"}).code,
            0);
  EXPECT_EQ(run({"wait", "c"}).code, 0);
  Json mounts = stage->inspect("c")["Mounts"];
  ASSERT_EQ(mounts.size(), 2u) << mounts;
  auto anonymous = mounts[0]["Name"].get<std::string>();
  EXPECT_THAT(anonymous, MatchesRegex("[0-9a-f]{64}"));
  EXPECT_EQ(mounts[0]["Type"], "volume");
  EXPECT_EQ(mounts[1]["Source"], data("named"));
  EXPECT_EQ(mounts[1]["Destination"], "/named");
  expect_refused(run({"run", "--rm", "-v", "a/b:/x", "busybox", "true"}), "a/b");
  Output in_use = run({"volume", "rm", "named"});
  EXPECT_EQ(in_use.code, 1) << in_use;
  EXPECT_THAT(in_use.err, HasSubstr("used by container"));
  EXPECT_EQ(run({"volume", "prune", "-a", "-f"}).out, "") << "both are used";
  EXPECT_EQ(run({"rm", "c"}).code, 0);
  EXPECT_THAT(names(), HasSubstr(anonymous)) << "rm alone keeps it";
  EXPECT_EQ(run({"volume", "prune", "-f"}).out, anonymous + "\n") << "named ones stay";
  ASSERT_EQ(run({"run", "-d", "--name", "c", "-v", "/data", "-v", "named:/named", "busybox", "true"}).code,
            0);
  EXPECT_EQ(run({"wait", "c"}).code, 0);
  EXPECT_EQ(run({"rm", "-v", "c"}).code, 0);
  EXPECT_EQ(names(), "named\n");
}

TEST_F(VolumesTest, TheImagesOwn) {
  make_images();
  Output output = run({"run", "--rm", "asking", "sh", "-c",
                       "cat /srv/data/sub/file; grep -cE ' /(srv/data|fresh) ' /proc/mounts"});
  EXPECT_EQ(output.out, "of the image\n2\n") << output;
  EXPECT_EQ(names(), "");
  output = run({"run", "--rm", "-v", "mine:/srv/data", "--tmpfs", "/fresh", "asking", "sh", "-c",
                "cat /srv/data/sub/file; grep ' /fresh ' /proc/mounts"});
  EXPECT_THAT(output.out, AllOf(StartsWith("of the image\n"), HasSubstr("tmpfs /fresh tmpfs")));
  EXPECT_EQ(names(), "mine\n");
}

TEST_F(VolumesTest, ARunThatFailsLeavesNoAnonymousOne) {
  EXPECT_EQ(box({"-v", "/data"}, {"no-such-command"}).code, 127);
  EXPECT_EQ(run({"run", "-v", "/data", "busybox", "no-such-command"}).code, 127);
  EXPECT_EQ(names(), "");
}

TEST_F(VolumesTest, ExplainMakesNone) {
  Output plan = run({"run", "--explain", "-v", "/data", "-v", "planned:/x", "busybox"});
  EXPECT_EQ(plan.code, 0) << plan;
  EXPECT_THAT(plan.out, HasSubstr(data("planned")));
  EXPECT_EQ(names(), "") << "--explain makes none";
}

TEST_F(VolumesTest, Verbs) {
  EXPECT_EQ(run({"volume", "create", "--label", "a=b", "v"}).out, "v\n");
  EXPECT_EQ(run({"volume", "create", "v"}).code, 0) << "as docker: it is there";
  EXPECT_EQ(run({"volume", "create", "other"}).code, 0);
  EXPECT_THAT(run({"volume", "create"}).out, MatchesRegex("[0-9a-f]{64}\n"));
  for (const char* bad : {"..", "a/b", ".x", ""})
    expect_refused(run({"volume", "create", bad}), "invalid volume name");
  EXPECT_THAT(run({"volume", "ls"}).out,
              AllOf(StartsWith("DRIVER   VOLUME NAME\n"), HasSubstr("local    v\n")));
  EXPECT_EQ(run({"volume", "ls", "--format", "{{.Name}}", "-f", "label=a=b"}).out, "v\n");
  EXPECT_EQ(run({"volume", "ls", "-q", "--filter", "name=othe"}).out, "other\n");
  EXPECT_EQ(run({"volume", "ls", "-q", "--filter", "dangling=false"}).out, "");
  EXPECT_EQ(run({"volume", "inspect", "--format", "{{json .Labels}}", "v"}).out, "{\"a\":\"b\"}\n");
  Output none = run({"volume", "inspect", "nosuch"});
  EXPECT_EQ(none.code, 1);
  EXPECT_EQ(none.out, "[]\n");
  EXPECT_EQ(run({"volume", "rm", "nosuch"}).code, 1);
  EXPECT_EQ(run({"volume", "rm", "-f", "nosuch"}).code, 0);
  EXPECT_EQ(run({"volume", "prune", "-a"}, "n\n").code, 1);
  EXPECT_THAT(names(), HasSubstr("other\n"));
  EXPECT_EQ(run({"volume", "prune", "-a"}, "y\n").code, 0);
}

}  // namespace
}  // namespace rcrt::test
