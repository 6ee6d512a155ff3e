// SPDX-License-Identifier: MIT
// image-oci as root: imports, attack archives, the store as core/image_store reads it.
#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <rcrt/image.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <rcrt/fake_host.hpp>

#include "base/tree.h"
#include "core/image_store.h"

namespace rcrt {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct Item {
  std::string path;
  mode_t type = AE_IFREG;
  std::string text, link, hardlink;
  mode_t mode = 0644;
};

class Import : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    std::string made = ::testing::TempDir() + "/rcrt-images-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    base_ = made;
    handle_ = ::dlopen("plugins/image-oci/image-oci.so", RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle_, nullptr) << ::dlerror();
    auto* entry = static_cast<const rcrt_plugin*>(::dlsym(handle_, RCRT_PLUGIN_SYMBOL));
    ASSERT_NE(entry, nullptr);
    image = static_cast<const rcrt_image_v1*>(entry->get_interface(RCRT_IMAGE_V1));
    ASSERT_NE(image, nullptr);
  }
  void TearDown() override {
    if (!base_.empty()) {
      EXPECT_TRUE(remove_tree(base_.c_str()));
    }
    if (handle_) ::dlclose(handle_);
  }
  int import(const std::string& source, const std::string& name) {
    return host.call(image->import, {{"root", base_ + "/root"},
                                     {"source", fs::absolute(source)},
                                     {"name", "docker.io/library/" + name + ":latest"},
                                     {"config", {{"Cmd", {"sh"}}}}});
  }
  std::string make(const std::vector<Item>& items) {
    std::string path = base_ + "/attack.tar.gz";
    archive* a = archive_write_new();
    archive_write_set_format_pax(a);
    archive_write_add_filter_gzip(a);
    archive_write_open_filename(a, path.c_str());
    for (const Item& item : items) {
      archive_entry* e = archive_entry_new();
      archive_entry_set_pathname(e, item.path.c_str());
      archive_entry_set_filetype(e, item.type);
      archive_entry_set_perm(e, item.mode);
      archive_entry_set_size(e, static_cast<int64_t>(item.text.size()));
      if (!item.link.empty()) archive_entry_set_symlink(e, item.link.c_str());
      if (!item.hardlink.empty()) archive_entry_set_hardlink(e, item.hardlink.c_str());
      EXPECT_EQ(archive_write_header(a, e), ARCHIVE_OK) << archive_error_string(a);
      if (!item.text.empty()) archive_write_data(a, item.text.data(), item.text.size());
      archive_entry_free(e);
    }
    archive_write_close(a);
    archive_write_free(a);
    return path;
  }
  std::string layer(const std::string& name) {
    auto found = ImageStore(base_ + "/root").resolve(name);
    EXPECT_TRUE(found) << found.error().message();
    return found ? base_ + "/root/layers/" + found->layers.at(0) : "";
  }

  std::string base_;
  void* handle_ = nullptr;
  const rcrt_image_v1* image = nullptr;
  sdk::FakeHost host;
};

TEST_F(Import, BusyboxIsThereByNameAndIdAndGoesAgain) {
  ImageStore store(base_ + "/root");
  EXPECT_EQ(store.resolve("busybox").error().code, ENOENT);
  ASSERT_EQ(import("images/busybox.tar", "busybox"), 0) << host.error_what << host.error_object;
  auto found = store.resolve("busybox");
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->id, host.result["id"].get<std::string>());
  EXPECT_EQ(found->config["config"]["Cmd"], json({"sh"}));
  ASSERT_EQ(found->layers.size(), 1u);
  struct stat info;
  ASSERT_EQ(::stat((layer("busybox") + "/tmp").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 01777u);
  EXPECT_EQ(info.st_mtime, 0);
  EXPECT_EQ(fs::read_symlink(layer("busybox") + "/bin/sh"), "../bin/busybox");
  EXPECT_TRUE(store.resolve(found->id.substr(7, 12)));
  ASSERT_EQ(host.call(image->unpack,
                      {{"root", base_ + "/root"}, {"name", found->name}, {"directory", base_ + "/out"}}),
            0)
      << host.error_what;
  EXPECT_EQ(fs::file_size(base_ + "/out/bin/busybox"), fs::file_size("/bin/busybox"));
  ASSERT_EQ(store.list()->size(), 1u);
  ASSERT_TRUE(store.untag("busybox", false));
  EXPECT_EQ(store.list()->size(), 0u);
  ASSERT_EQ(host.call(image->prune, {{"root", base_ + "/root"}, {"keep", found->diff_ids}}), 0)
      << host.error_what;
  EXPECT_TRUE(fs::exists(base_ + "/root/layers/" + found->layers[0] + "/bin"));
  ASSERT_EQ(host.call(image->prune, {{"root", base_ + "/root"}}), 0);
  EXPECT_FALSE(fs::exists(base_ + "/root/layers/" + found->diff_ids[0]));
}

TEST_F(Import, DirectoryKeepsHardLinksAndModes) {
  fs::create_directories(base_ + "/tree/d");
  std::ofstream(base_ + "/tree/a") << "text";
  fs::create_hard_link(base_ + "/tree/a", base_ + "/tree/d/b");
  ASSERT_EQ(::chmod((base_ + "/tree/a").c_str(), 04755), 0);
  ASSERT_EQ(import(base_ + "/tree", "tree"), 0) << host.error_what;
  struct stat a, b;
  ASSERT_EQ(::stat((layer("tree") + "/a").c_str(), &a), 0);
  ASSERT_EQ(::stat((layer("tree") + "/d/b").c_str(), &b), 0);
  EXPECT_EQ(a.st_ino, b.st_ino);
  EXPECT_EQ(a.st_mode & 07777, 04755u);
}

TEST_F(Import, NothingIsWrittenOutsideTheLayer) {
  std::string outside = base_ + "/outside";
  fs::create_directories(outside);
  std::ofstream(outside + "/kept") << "kept";
  const std::vector<std::vector<Item>> attacks = {
      {{"../../outside/x", AE_IFREG, "x"}},
      {{"a/../../../../outside/x", AE_IFREG, "x"}},
      {{outside + "/x", AE_IFREG, "x"}},
      {{"l", AE_IFLNK, "", outside}, {"l/x", AE_IFREG, "x"}},
      {{"l", AE_IFLNK, "", "../../../outside"}, {"l/x", AE_IFREG, "x"}},
      {{"l", AE_IFLNK, "", outside}, {"l/.wh.kept"}},
      {{"l", AE_IFLNK, "", outside}, {"l/.wh..wh..opq"}},
      {{"l", AE_IFLNK, "", outside + "/kept"}, {"l", AE_IFREG, "overwritten"}},
      {{"h", AE_IFREG, "", "", outside + "/kept"}},
      {{"h", AE_IFREG, "", "", "../../../outside/kept"}},
      {{".wh..."}},
      {{"d/.wh..", AE_IFREG}},
  };
  for (size_t i = 0; i < attacks.size(); ++i) {
    SCOPED_TRACE(i);
    (void)import(make(attacks[i]), "attack" + std::to_string(i));
    size_t count =
        static_cast<size_t>(std::distance(fs::directory_iterator(outside), fs::directory_iterator()));
    EXPECT_EQ(count, 1u);
    std::string text;
    std::ifstream(outside + "/kept") >> text;
    EXPECT_EQ(text, "kept");
    EXPECT_EQ(fs::hard_link_count(outside + "/kept"), 1u);
    EXPECT_FALSE(fs::exists(base_ + "/root/incoming/x"));
  }
}

// A copy would be another file, and would make a small archive large.
TEST_F(Import, HardLinksAreNeverCopies) {
  ASSERT_EQ(import(make({{"a", AE_IFREG, "text"}, {"h", AE_IFREG, "", "", "a"}}), "linked"), 0);
  EXPECT_EQ(fs::hard_link_count(layer("linked") + "/h"), 2u);
  EXPECT_NE(import(make({{"h", AE_IFREG, "", "", "missing"}}), "broken"), 0);
  EXPECT_NE(import(make({{"d/x"}, {"h", AE_IFREG, "", "", "d"}}), "of-folder"), 0);
}

TEST_F(Import, WhiteoutsBecomeOverlaysAndLimitsHold) {
  ASSERT_EQ(import(make({{"d/.wh.gone"}, {"d/here", AE_IFREG, "x"}}), "white"), 0) << host.error_what;
  struct stat info;
  ASSERT_EQ(::lstat((layer("white") + "/d/gone").c_str(), &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode) && info.st_rdev == 0);
  EXPECT_NE(host.call(image->import, {{"root", base_ + "/root"},
                                      {"source", make({{"a"}, {"b"}, {"c"}})},
                                      {"name", "x"},
                                      {"limits", {{"entries", 2}}}}),
            0);
  EXPECT_EQ(host.errors, 1);
}

// What a program leaves that could not write its archive; one without entries is another thing.
TEST_F(Import, AnEmptyFileIsNoArchive) {
  std::ofstream(base_ + "/empty.tar");
  EXPECT_NE(import(base_ + "/empty.tar", "empty"), 0);
  EXPECT_NE(host.error_what.find("empty archive"), std::string::npos) << host.error_what;
  EXPECT_EQ(import(make({}), "without-entries"), 0);
}

}  // namespace
}  // namespace rcrt
