// SPDX-License-Identifier: MIT
// images/.names: says what index.json says, whoever has written that and however often.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/image_index.h"
#include "base/image_names.h"
#include "base/oci_store.h"

namespace rcrt {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string hex(int n) {
  char text[65];
  std::snprintf(text, sizeof text, "%064x", n);
  return text;
}

class Names : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string made = ::testing::TempDir() + "/rcrt-names-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    root_ = made;
    fs::create_directories(root_ + "/images/blobs/sha256");
    images_ = std::move(*open_images(root_));
  }
  void TearDown() override { fs::remove_all(root_); }

  // An image whose manifest is the n-th digest, its configuration the (n + 1,000,000)-th.
  Json image(int n) {
    const std::string config = Json{{"created", "2020-01-01T00:00:10Z"},
                                    {"rootfs", {{"type", "layers"}, {"diff_ids", Json::array()}}}}
                                   .dump();
    put(hex(n + 1'000'000), config);
    const std::string manifest =
        Json{{"config",
              {{"mediaType", "application/vnd.oci.image.config.v1+json"},
               {"digest", "sha256:" + hex(n + 1'000'000)},
               {"size", config.size()}}},
             {"layers", Json::array({{{"mediaType", "x"}, {"digest", "sha256:" + hex(9)}, {"size", 77}}})}}
            .dump();
    put(hex(n), manifest);
    return {{"mediaType", "application/vnd.oci.image.manifest.v1+json"},
            {"digest", "sha256:" + hex(n)},
            {"size", manifest.size()}};
  }
  void put(const std::string& blob, const std::string& text) {
    std::ofstream(root_ + "/images/blobs/sha256/" + blob) << text;
  }
  static Json named(Json descriptor, const std::string& name) {
    descriptor["annotations"] = {{kRefName, name}};
    return descriptor;
  }
  // As another tool does: the same file, written again.
  void write_index(const std::vector<Json>& manifests, const std::string& how = "in place") {
    const std::string path = root_ + "/images/index.json";
    if (how == "new file") fs::remove(path);
    std::ofstream(path) << Json{{"schemaVersion", 2}, {"manifests", manifests}}.dump();
  }
  // Long ago, so that .names is worth keeping.
  void age_index() {
    timespec times[2] = {};
    clock_gettime(CLOCK_REALTIME, &times[1]);
    times[0] = times[1] = {times[1].tv_sec - 60, 5};
    ASSERT_EQ(::utimensat(images_.get(), "index.json", times, 0), 0);
  }
  ImageNames load() {
    auto names = ImageNames::load(images_.get());
    EXPECT_TRUE(names) << names.error().message();
    return names ? std::move(*names) : ImageNames::none();
  }
  std::string digest_of(const std::string& name) {
    auto entry = load().find(image_key(name));
    return entry ? entry->digest : "none";
  }
  bool kept() const { return fs::exists(root_ + "/images/.names"); }
  ino_t names_inode() const {
    struct stat info{};
    return ::stat((root_ + "/images/.names").c_str(), &info) == 0 ? info.st_ino : 0;
  }

  std::string root_;
  UniqueFd images_;
};

TEST_F(Names, FindsEachOfAThousandByNameAndId) {
  std::vector<Json> manifests;
  for (int i = 1; i <= 1000; ++i)
    manifests.push_back(named(image(i), "docker.io/library/i" + std::to_string(i * 7919 % 1000) + ":latest"));
  write_index(manifests);
  age_index();
  for (const char* from : {"index.json", ".names"}) {
    SCOPED_TRACE(from);
    EXPECT_EQ(kept(), std::string(from) == ".names");
    const ImageNames names = load();
    for (int i = 1; i <= 1000; ++i) {
      auto entry = names.find("docker.io/library/i" + std::to_string(i * 7919 % 1000) + ":latest");
      ASSERT_TRUE(entry) << i;
      EXPECT_EQ(entry->digest, "sha256:" + hex(i));
      EXPECT_EQ(entry->id, "sha256:" + hex(i + 1'000'000));
      EXPECT_EQ(entry->size, 77u);
      EXPECT_EQ(entry->created, 1577836810);
      const auto by_id = names.with_id(hex(i + 1'000'000));
      ASSERT_EQ(by_id.size(), 1u) << i;
      EXPECT_EQ(by_id[0].key, entry->key);
    }
    EXPECT_EQ(names.all().size(), 1000u);
    EXPECT_EQ(names.with_id(hex(1'000'016).substr(0, 63)).size(), 16u);
    for (const char* absent : {"", "a", "docker.io/library/i1:lates", "docker.io/library/i1:latest2", "zzz",
                               "docker.io/library/i1000:latest"})
      EXPECT_FALSE(names.find(absent)) << absent;
    EXPECT_THAT(names.with_id("ffff"), IsEmpty());
  }
}

TEST_F(Names, NamesOfEveryKind) {
  const std::string odd = "a\tb\nc%41\xc3\xbf\x7f";
  write_index({named(image(1), "short"),
               named(image(2), odd),
               image(3),
               named(image(4), "docker.io/library/x@sha256:" + hex(4)),
               named(image(5), "docker.io/library/x:1"),
               named(image(6), "docker.io/library/xy:1"),
               named(image(7), "short"),
               {{"mediaType", "application/x"}, {"digest", "sha256:" + hex(8)}, {"size", 1}}});
  age_index();
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(digest_of("short"), "sha256:" + hex(1));  // the first of two
    EXPECT_EQ(digest_of("docker.io/library/short:latest"), "sha256:" + hex(1));
    auto entry = load().find(odd);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->descriptor.name, odd);
    EXPECT_EQ(entry->digest, "sha256:" + hex(2));
    EXPECT_EQ(load().with_id(hex(1'000'003)).at(0).key, "");
    std::vector<std::string> found;
    for (const ImageEntry& e : load().named("docker.io/library/x")) found.push_back(e.digest);
    EXPECT_THAT(found, ElementsAre("sha256:" + hex(5), "sha256:" + hex(4)));
    EXPECT_EQ(load().named("docker.io/library/x:1").at(0).digest, "sha256:" + hex(5));
    EXPECT_EQ(load().named("docker.io/library/short:latest").size(), 2u);
    EXPECT_EQ(load().named("docker.io/library").size(), 0u);
    EXPECT_EQ(load().named("").size(), 0u);
    EXPECT_EQ(load().all().size(), 7u);
  }
}

TEST_F(Names, WhatOthersWriteIsSeenAtOnce) {
  write_index({named(image(1), "x")});
  age_index();
  EXPECT_EQ(digest_of("x"), "sha256:" + hex(1));
  EXPECT_TRUE(kept());
  // Of the same size, in the same file or another, right now or long ago.
  for (const char* how : {"in place", "new file"})
    for (int n : {2, 3, 4, 5}) {
      write_index({named(image(n), "x")}, how);
      EXPECT_EQ(digest_of("x"), "sha256:" + hex(n)) << how;
      if (n % 2) age_index();
      EXPECT_EQ(digest_of("x"), "sha256:" + hex(n)) << how;
    }
  // What is just being written is not taken for settled.
  write_index({named(image(6), "x")});
  const ino_t before = names_inode();
  EXPECT_EQ(digest_of("x"), "sha256:" + hex(6));
  EXPECT_EQ(names_inode(), before);
}

TEST_F(Names, WhatIsWrittenHereIsThereAtOnce) {
  Json index = *read_image_index(images_.get());
  name_image(index, image(1), "docker.io/library/x:latest");
  ASSERT_TRUE(write_image_index(images_.get(), index));
  EXPECT_TRUE(kept());
  const ino_t before = names_inode();
  EXPECT_EQ(digest_of("x"), "sha256:" + hex(1));
  EXPECT_EQ(names_inode(), before);  // and was not made anew
  // Another tool writes the same file a moment later.
  write_index({named(image(2), "docker.io/library/x:latest")});
  EXPECT_EQ(digest_of("x"), "sha256:" + hex(2));
}

TEST_F(Names, DamageCountsForNothing) {
  write_index({named(image(1), "x"), named(image(2), "y")});
  age_index();
  ASSERT_EQ(digest_of("x"), "sha256:" + hex(1));
  const std::string path = root_ + "/images/.names";
  std::ifstream in(path, std::ios::binary);
  const std::string whole(std::istreambuf_iterator<char>(in), {});
  std::string other_stamp = whole;
  other_stamp[14] ^= 1;
  for (const std::string& text :
       {std::string(), std::string("x"), std::string(5000, '\0'), whole.substr(0, whole.find('\n')),
        whole.substr(0, whole.size() / 2), other_stamp, "rcrt-names 2" + whole.substr(12)}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    EXPECT_EQ(digest_of("x"), "sha256:" + hex(1)) << text.size();
    EXPECT_EQ(digest_of("y"), "sha256:" + hex(2)) << text.size();
  }
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_EQ(digest_of("x"), "sha256:" + hex(1));
  fs::remove(path);
  fs::create_symlink("/etc/passwd", path);
  EXPECT_EQ(digest_of("x"), "sha256:" + hex(1));
  EXPECT_EQ(digest_of("z"), "none");
}

TEST_F(Names, AnImageThatIsNotWholeIsListedAndDescribedLater) {
  const Json entry = named(image(1), "x");
  fs::remove(root_ + "/images/blobs/sha256/" + hex(1));
  write_index({entry});
  age_index();
  EXPECT_EQ(load().find("docker.io/library/x:latest")->id, "");
  image(1);
  write_index({entry}, "new file");
  EXPECT_EQ(load().find("docker.io/library/x:latest")->id, "sha256:" + hex(1'000'001));
}

TEST_F(Names, AnImageKeepsItsPlaceWhenItLosesItsName) {
  Json index = *read_image_index(images_.get());
  auto entries = [&] {
    std::vector<std::string> list;
    const auto parsed = parse_index(index);
    if (parsed)
      for (const Descriptor& d : *parsed) list.push_back(d.digest.substr(70) + d.name);
    return list;
  };
  name_image(index, image(1), "x:1");
  name_image(index, image(1), "x:2");
  name_image(index, image(2), "x:1");  // the first is still x:2
  EXPECT_THAT(entries(), ElementsAre("1x:2", "2x:1"));
  name_image(index, image(2), "docker.io/library/x:2");  // now it is nameless
  EXPECT_THAT(entries(), ElementsAre("2x:1", "1", "2docker.io/library/x:2"));
  name_image(index, image(1), "");  // it is listed already
  name_image(index, image(2), "");
  EXPECT_THAT(entries(), ElementsAre("2x:1", "2docker.io/library/x:2", "1"));
  name_image(index, image(1), "y");
  EXPECT_THAT(entries(), ElementsAre("2x:1", "2docker.io/library/x:2", "1y"));
  name_image(index, image(3), "");
  EXPECT_THAT(entries(), ElementsAre("2x:1", "2docker.io/library/x:2", "1y", "3"));
}

// Several add names, each under the lock; whoever looks meanwhile finds a name with its own
// image or not at all, and in the end all are there.
TEST_F(Names, WritersAndReadersAtTheSameTime) {
  constexpr int kWriters = 3, kEach = 20;
  std::vector<Json> descriptors;
  for (int i = 0; i < kWriters * kEach; ++i) descriptors.push_back(image(i + 1));
  std::vector<pid_t> writers;
  for (int w = 0; w < kWriters; ++w) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = w * kEach; i < (w + 1) * kEach; ++i) {
        auto lock = lock_image_index(images_.get());
        auto index = read_image_index(images_.get());
        if (!lock || !index) ::_exit(1);
        name_image(*index, descriptors[static_cast<size_t>(i)], "n" + std::to_string(i));
        if (!write_image_index(images_.get(), *index)) ::_exit(2);
      }
      ::_exit(0);
    }
    writers.push_back(child);
  }
  size_t ended = 0;
  while (ended < writers.size()) {
    const ImageNames names = load();
    for (int i = 0; i < kWriters * kEach; ++i)
      if (auto entry = names.find(image_key("n" + std::to_string(i)))) {
        ASSERT_EQ(entry->digest, "sha256:" + hex(i + 1));
      }
    int status = 0;
    if (::waitpid(-1, &status, WNOHANG) > 0) {
      EXPECT_EQ(status, 0);
      ++ended;
    }
  }
  EXPECT_EQ(load().all().size(), static_cast<size_t>(kWriters * kEach));
}

}  // namespace
}  // namespace rcrt
