// SPDX-License-Identifier: MIT
// A user namespace of the container's own: whom files belong to, inside and on the host.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class UserNamespaceTest : public StageTest {
 protected:
  static Output mapped(std::vector<std::string> options, const std::string& script) {
    options.insert(options.begin(), {"--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536"});
    return sh(options, script);
  }
  // "user:group" on the host.
  static std::string owner(const std::string& path) {
    struct stat status;
    if (lstat(path.c_str(), &status) != 0) return "none";
    return std::to_string(status.st_uid) + ":" + std::to_string(status.st_gid);
  }
  // busybox's root with a file of 7:8 in it.
  static std::string tree(const std::string& name) {
    std::string path = stage->dir() + "/" + name;
    EXPECT_EQ(run({"unpack", "busybox", path}).code, 0);
    stage->file(name + "/file", "text\n");
    EXPECT_EQ(chown((path + "/file").c_str(), 7, 8), 0);
    return path;
  }
};

void expect_refused(const Output& output, const std::string& says) {
  EXPECT_EQ(output.code, 125) << output;
  EXPECT_EQ(output.out, "");
  EXPECT_THAT(output.err, AllOf(StartsWith("rcrt: "), HasSubstr(says)));
}

TEST_F(UserNamespaceTest, AnImagesFilesKeepTheirOwners) {
  ASSERT_EQ(run({"import", tree("image"), "owned"}).code, 0);
  Output output =
      run({"run", "-d", "--name", "mapped", "--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536",
           "owned", "sh", "-c",
           "stat -c %u:%g / /etc/passwd /file; echo more >>/file; stat -c %u:%g /file; touch /made; "
           "chown 12:34 /made; cat /proc/self/uid_map; exec sleep 1000"});
  ASSERT_EQ(output.code, 0) << output;
  EXPECT_TRUE(eventually([] { return run({"logs", "mapped"}).out.find("65536") != std::string::npos; }));
  EXPECT_THAT(run({"logs", "mapped"}).out, StartsWith("0:0\n0:0\n7:8\n7:8\n")) << run({"logs", "mapped"});
  std::string upper =
      stage->root() + "/containers/" + stage->inspect("mapped").value("Id", "") + "/storage";
  EXPECT_EQ(owner(upper), "100000:200000");
  EXPECT_EQ(owner(upper + "/file"), "100007:200008");
  EXPECT_EQ(owner(upper + "/made"), "100012:200034");
  EXPECT_EQ(run({"rm", "-f", "mapped"}).code, 0);
  // Who maps nothing sees the image as it is.
  EXPECT_EQ(run({"run", "--rm", "owned", "stat", "-c", "%u:%g", "/file"}).out, "7:8\n");
  EXPECT_EQ(run({"rmi", "owned"}).code, 0);
}

TEST_F(UserNamespaceTest, UsersOutsideOfTheMappingAreNobody) {
  ASSERT_EQ(run({"import", tree("few"), "few"}).code, 0);
  EXPECT_EQ(
      run({"run", "--rm", "--uidmap", "0:100000:6", "few", "stat", "-c", "%u:%g", "/etc/passwd", "/file"})
          .out,
      "0:0\n65534:65534\n");
  EXPECT_EQ(run({"rmi", "few"}).code, 0);
}

TEST_F(UserNamespaceTest, ADirectoryIsUsedAsItIsOwned) {
  std::string root = tree("directory");
  auto owners = [&] {
    return run({"--storage=dir", "run", "--rm", "--uidmap", "0:100000:65536", root, "sh", "-c",
                "stat -c %u:%g / /file; rm -f /made; touch /made; stat -c %u:%g /made"});
  };
  EXPECT_EQ(owners().out, "0:0\n7:8\n0:0\n");
  EXPECT_EQ(owner(root + "/made"), "0:0");
  // One that belongs to the container's root already.
  EXPECT_EQ(observe("chown -R 100000:100000 " + root), "");
  EXPECT_EQ(owners().out, "0:0\n0:0\n0:0\n");
  EXPECT_EQ(owner(root + "/made"), "100000:100000");
}

TEST_F(UserNamespaceTest, BindsAreMappedWhereAskedFor) {
  std::string path = stage->dir() + "/shared";
  mkdir(path.c_str(), 0755);
  mkdir((path + "/below").c_str(), 0755);
  ASSERT_EQ(mount("tmpfs", (path + "/below").c_str(), "tmpfs", 0, nullptr), 0);
  stage->file("shared/here", "x");
  EXPECT_EQ(mapped({"-v", path + ":/data"}, "stat -c %u:%g /data/here; touch /data/made").out,
            "65534:65534\n");
  EXPECT_EQ(owner(path + "/made"), "none");
  EXPECT_EQ(mapped({"-v", path + ":/data:idmap"},
                   "stat -c %u:%g /data/here /data/below; touch /data/made /data/below/made")
                .out,
            "0:0\n0:0\n");
  EXPECT_EQ(owner(path + "/made"), "0:0");
  EXPECT_EQ(owner(path + "/below/made"), "0:0");
  EXPECT_EQ(mapped({"--mount", "type=bind,source=" + path + ",target=/data,idmap,bind-nonrecursive"},
                   "stat -c %u:%g /data/here")
                .out,
            "0:0\n");
  EXPECT_EQ(umount((path + "/below").c_str()), 0);
  expect_refused(box({"-v", path + ":/data:idmap"}, {"true"}), "user namespace");
  expect_refused(mapped({"-v", "/proc:/data:idmap"}, "true"), "cannot map the ids of files in \"/proc\"");
}

TEST_F(UserNamespaceTest, VolumesBelongToTheContainersRoot) {
  EXPECT_EQ(mapped({"-v", "mapped:/data"}, "stat -c %u:%g /data; touch /data/made && echo made").out,
            "0:0\nmade\n");
  std::string data = stage->root() + "/volumes/mapped/_data";
  EXPECT_EQ(owner(data), "100000:200000");
  EXPECT_EQ(owner(data + "/made"), "100000:200000");
  EXPECT_EQ(
      mapped({"-v", "copied:/etc"}, "stat -c %u:%g /etc/passwd; echo x >>/etc/passwd && echo written").out,
      "0:0\nwritten\n");
  EXPECT_EQ(run({"volume", "rm", "mapped", "copied"}).code, 0);
}

TEST_F(UserNamespaceTest, TheFilesOfEtcAreItsOwn) {
  EXPECT_EQ(mapped({}, "stat -c %u:%g /etc/hosts; echo '192.0.2.1 more' >>/etc/hosts && echo written").out,
            "0:0\nwritten\n");
}

TEST_F(UserNamespaceTest, RefusesMappingsThatTheKernelRefuses) {
  expect_refused(box({"--uidmap", "0:100000:10", "--uidmap", "5:200000:10"}, {"true"}), "cannot map ids");
  expect_refused(box({"--uidmap", "1:100000:10"}, {"true"}), "not mapped");
  expect_refused(box({"--uidmap", "nonsense"}, {"true"}), "nonsense");
}

}  // namespace
}  // namespace rcrt::test
