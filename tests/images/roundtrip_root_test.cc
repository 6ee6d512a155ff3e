// SPDX-License-Identifier: MIT
// What goes in comes out, file by file; and other people's tools read the store.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <filesystem>
#include <fstream>

#include "core/image_store.h"
#include "tests/images/image_plugin.h"
#include "tests/images/tree_look.h"

namespace rcrt::testing {
namespace {

namespace fs = std::filesystem;

bool run(const std::string& command) { return std::system(command.c_str()) == 0; }

class RoundTrip : public ImageTest {
 protected:
  void SetUp() override {
    ImageTest::SetUp();
    if (base.empty()) return;
    image = load_image_plugin("plugins/image-oci/image-oci.so");
    ASSERT_NE(image, nullptr);
    tree = base + "/tree";
    fs::create_directories(tree + "/d/\xc3\xa4\xe2\x82\xac");
    std::ofstream(tree + "/d/setuid") << "text";
    ASSERT_EQ(::chown((tree + "/d/setuid").c_str(), 12, 3456789), 0);
    ASSERT_EQ(::chmod((tree + "/d/setuid").c_str(), 06751), 0);
    fs::create_hard_link(tree + "/d/setuid", tree + "/hard");
    fs::create_symlink("/etc/passwd", tree + "/d/link");
    ASSERT_EQ(::mknod((tree + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
    ASSERT_EQ(::mkfifo((tree + "/fifo").c_str(), 0640), 0);
    ASSERT_EQ(::chmod((tree + "/d").c_str(), 01777), 0);
    std::ofstream(tree + "/sparse") << "begin";
    ASSERT_EQ(::truncate((tree + "/sparse").c_str(), 8 << 20), 0);
    std::ofstream(tree + "/" + std::string(200, 'n')) << "long name";
    ::setxattr((tree + "/d").c_str(), "user.note", "a note", 6, 0);
    // VFS_CAP_REVISION_2, cap_net_raw permitted.
    const char capability[20] = {0, 0, 0, 2, 0, 0x20};
    ASSERT_EQ(::setxattr((tree + "/sparse").c_str(), "security.capability", capability, 20, 0), 0);
    const timespec times[2] = {{1000000000, 123456789}, {1000000000, 123456789}};
    for (const char* path : {"/d", "/fifo", "/d/link", ""})
      ASSERT_EQ(::utimensat(AT_FDCWD, (tree + path).c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
  void import_and_compare(const std::string& source, const std::string& name) {
    SCOPED_TRACE(source);
    const auto before = test::look(tree);
    ASSERT_EQ(host.call(image->import, {{"root", root}, {"source", source}, {"name", name}}), 0) << said();
    auto found = ImageStore(root).resolve(name);
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(test::look(root + "/layers/" + found->diff_ids.at(0)), before);
    const std::string out = base + "/out-" + name;
    ASSERT_EQ(host.call(image->unpack, {{"root", root}, {"name", name}, {"directory", out}}), 0) << said();
    EXPECT_EQ(test::look(out), before);
    struct stat info{};
    ASSERT_EQ(::stat((out + "/sparse").c_str(), &info), 0);
    EXPECT_LT(info.st_blocks * 512, 1 << 20);
  }

  const rcrt_image_v1* image = nullptr;
  std::string tree;
};

TEST_F(RoundTrip, DirectoryAndArchivesInEveryCompression) {
  import_and_compare(tree, "directory");
  const std::string tar = "tar --create --format=posix --sparse --xattrs --xattrs-include='*' -C " + tree;
  for (const auto& [name, option] : std::vector<std::pair<std::string, std::string>>{
           {"plain", ""}, {"gzip", "--gzip "}, {"xz", "--xz "}, {"bzip2", "--bzip2 "}}) {
    const std::string archive = base + "/" + name;
    if (!run(tar + " " + option + "--file=" + archive + " . 2>/dev/null")) continue;
    import_and_compare(archive, name);
  }
}

TEST_F(RoundTrip, DamagedBlobIsNotUnpacked) {
  ASSERT_EQ(host.call(image->import, {{"root", root}, {"source", tree}, {"name", "x"}}), 0) << said();
  auto found = ImageStore(root).resolve("x");
  ASSERT_TRUE(found);
  const std::string blob = root + "/images/blobs/sha256/" + found->diff_ids.at(0);
  std::fstream(blob, std::ios::in | std::ios::out).seekp(static_cast<long>(fs::file_size(blob)) - 1).put('x');
  EXPECT_NE(host.call(image->unpack, {{"root", root}, {"name", "x"}, {"directory", base + "/out"}}), 0);
  EXPECT_NE(host.error_what.find("damaged"), std::string::npos) << said();
  EXPECT_FALSE(fs::exists(base + "/out"));
}

TEST_F(RoundTrip, OthersReadTheStore) {
  ASSERT_EQ(host.call(image->import, {{"root", root}, {"source", tree}, {"name", "x"}}), 0) << said();
  const std::string layout = root + "/images";
  const bool skopeo = run("command -v skopeo >/dev/null"), umoci = run("command -v umoci >/dev/null");
  if (!skopeo && !umoci) GTEST_SKIP() << "neither skopeo nor umoci is installed";
  if (skopeo) {
    const std::string copy = base + "/copy";
    EXPECT_TRUE(run("skopeo --insecure-policy copy -q oci:" + layout +
                    ":docker.io/library/x:latest oci:" + copy + ":y"));
    // And what skopeo writes into it, rcrt sees.
    EXPECT_TRUE(run("skopeo --insecure-policy copy -q oci:" + copy + ":y oci:" + layout + ":y"));
    EXPECT_TRUE(ImageStore(root).resolve("y"));
  }
  if (umoci) {
    EXPECT_TRUE(run("umoci ls --layout " + layout + " | grep -qx docker.io/library/x:latest"));
  }
}

}  // namespace
}  // namespace rcrt::testing
