// SPDX-License-Identifier: MIT
#include "tests/images/foreign.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Files of every kind.
void make_tree(const std::string& top) {
  fs::create_directories(top + "/bin");
  fs::create_directories(top + "/dir/sub/deep");
  fs::create_directories(top + "/opaque");
  observe("cp \"$(command -v busybox)\" " + top + "/bin/busybox && ln -s busybox " + top +
          "/bin/sh && ln -s busybox " + top + "/bin/find");
  std::ofstream(top + "/dir/sub/file") << "text";
  std::ofstream(top + "/opaque/hidden") << "hidden";
  std::ofstream(top + "/setuid") << "text";
  ASSERT_EQ(::chown((top + "/setuid").c_str(), 12, 3456789), 0);
  ASSERT_EQ(::chmod((top + "/setuid").c_str(), 06751), 0);
  fs::create_hard_link(top + "/setuid", top + "/dir/hard");
  fs::create_symlink("/etc/passwd", top + "/dir/link");
  fs::create_symlink("nowhere/\xc3\xa4", top + "/dangling");
  ASSERT_EQ(::mknod((top + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  ASSERT_EQ(::mkfifo((top + "/fifo").c_str(), 0640), 0);
  ASSERT_EQ(::chmod((top + "/dir").c_str(), 01777), 0);
  std::ofstream(top + "/" + std::string(180, 'n')) << "long name";
  std::ofstream(top + "/noted") << "x";
  ::setxattr((top + "/noted").c_str(), "user.note", "a note", 6, 0);
  const char capability[20] = {0, 0, 0, 2, 0, 0x20};  // cap_net_raw permitted
  ASSERT_EQ(::setxattr((top + "/noted").c_str(), "security.capability", capability, 20, 0), 0);
}

// umoci gives a folder that a layer does not list the time of the unpacking: folders' times are
// not compared.
std::string without_time(const std::string& line) {
  const bool folder = S_ISDIR(static_cast<mode_t>(std::stoul(line)));
  const size_t owner = line.find(' ', line.find(' ') + 1);
  return folder ? line.substr(0, owner) + line.substr(line.find(' ', owner + 1)) : line;
}

}  // namespace

void ForeignTest::SetUpTestSuite() {
  // What skopeo and buildah remember of blobs, from another store, would mislead them.
  fs::create_directories("/var/lib/containers");
  ASSERT_EQ(::mount("tmpfs", "/var/lib/containers", "tmpfs", 0, nullptr), 0);
  StageTest::SetUpTestSuite();
  if (!stage) return;
  make_tree(path("base"));
  // buildah and podman with a store of their own, which needs no mounts.
  const std::string store =
      " --root " + path("their-store") + " --runroot " + path("their-run") + " --storage-driver vfs ";
  buildah = "buildah" + store;
  podman = "podman" + store;
  shell("umoci init --layout " + layout());
  shell("umoci new --image " + layout() + ":x");
  insert("x", path("base"), "/");
}

void ForeignTest::TearDown() {
  if (stage) {
    run({"rm", "-f", "--all"});
    EXPECT_EQ(run({"image", "verify", "-q"}).out, "");
    EXPECT_EQ(run({"image", "prune", "-a", "-f"}).code, 0);
  }
  StageTest::TearDown();
}

void ForeignTest::shell(const std::string& command) {
  const std::string log = path("log");
  EXPECT_EQ(std::system((command + " >" + log + " 2>&1").c_str()), 0) << command << "\n"
                                                                      << observe("cat " + log);
}

void ForeignTest::insert(const std::string& image, const std::string& from, const std::string& to) {
  shell("umoci insert --image " + layout() + ":" + image + " " + from + " " + to);
}

void ForeignTest::copy(const std::string& options, const std::string& from, const std::string& to) {
  shell("skopeo --insecure-policy copy -q " + options + " " + from + " " + to);
}

std::map<std::string, std::string> ForeignTest::unpacked_by_umoci(const std::string& from) {
  fs::remove_all(path("bundle"));
  shell("umoci unpack --keep-dirlinks=false --image " + from + " " + path("bundle"));
  return look(path("bundle/rootfs"));
}

std::map<std::string, std::string> ForeignTest::unpacked_by_us(const std::string& image) {
  fs::remove_all(path("ours"));
  Output unpacked = run({"unpack", image, path("ours")});
  EXPECT_EQ(unpacked.code, 0) << unpacked;
  return look(path("ours"));
}

void ForeignTest::compare(const std::string& source, const std::string& layout_of_it) {
  SCOPED_TRACE(source);
  Output loaded = run({"load", "-q", source});
  ASSERT_EQ(loaded.code, 0) << loaded;
  const std::string id = loaded.out.substr(0, loaded.out.find('\n'));
  const auto theirs = unpacked_by_umoci(layout_of_it), ours = unpacked_by_us(id);
  EXPECT_GT(theirs.size(), 10u);
  for (const auto& [name, line] : theirs)
    if (auto it = ours.find(name); it == ours.end())
      ADD_FAILURE() << "missing " << name;
    else
      EXPECT_EQ(without_time(it->second), without_time(line)) << name;
  for (const auto& [name, line] : ours) EXPECT_TRUE(theirs.contains(name)) << "too much: " << name;
  Output seen = run({"run", "--rm", id, "/bin/find", "/", "-xdev"});
  EXPECT_EQ(seen.code, 0) << seen;
  for (const auto& [name, line] : theirs)
    EXPECT_THAT("\n" + seen.out, HasSubstr("\n" + (name.empty() ? "/" : name) + "\n"));
  EXPECT_EQ(seen.out.find("/hidden\n") == std::string::npos, !theirs.contains("/opaque/hidden"));
  EXPECT_EQ(run({"rmi", "-f", id}).code, 0);
}

}  // namespace rcrt::test
