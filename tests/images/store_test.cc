// SPDX-License-Identifier: MIT
// core/image_store on stores good and bad, as an ordinary user.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/image_store.h"

namespace rcrt {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string hex(char digit) { return std::string(64, digit); }

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string made = ::testing::TempDir() + "/rcrt-store-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    root_ = made;
    fs::create_directories(root_ + "/images/blobs/sha256");
    fs::create_directories(root_ + "/layers/l");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) { std::ofstream(root_ + "/" + path) << text; }
  Json blob(char digit, const std::string& type, const Json& content) {
    write("images/blobs/sha256/" + hex(digit), content.dump());
    return {{"mediaType", type}, {"digest", "sha256:" + hex(digit)}, {"size", content.dump().size()}};
  }
  // An image whose manifest, configuration and layer have these digits as digests.
  Json image(char manifest, char config, const std::vector<std::string>& layers) {
    Json diff_ids = Json::array(), descriptors = Json::array();
    for (const std::string& layer : layers) {
      diff_ids.push_back("sha256:" + layer);
      descriptors.push_back({{"mediaType", "application/vnd.oci.image.layer.v1.tar"},
                             {"digest", "sha256:" + layer},
                             {"size", 100}});
    }
    Json config_descriptor = blob(config, "application/vnd.oci.image.config.v1+json",
                                  {{"created", "1970-01-01T01:00:10.5+01:00"},
                                   {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}}});
    return blob(manifest, "application/vnd.oci.image.manifest.v1+json",
                {{"schemaVersion", 2}, {"config", config_descriptor}, {"layers", descriptors}});
  }
  static Json named(Json descriptor, const std::string& name) {
    descriptor["annotations"] = {{"org.opencontainers.image.ref.name", name}};
    return descriptor;
  }
  void index(const std::vector<Json>& manifests) {
    write("images/index.json", Json{{"schemaVersion", 2}, {"manifests", manifests}}.dump());
  }
  void link(const std::string& name, const std::string& layer) {
    fs::create_symlink("../" + layer, root_ + "/layers/l/" + name);
  }
  // The error of resolving "x".
  std::string refusal(const std::string& reference = "x") {
    auto found = ImageStore(root_).resolve(reference);
    return found ? "no error" : found.error().message();
  }

  std::string root_;
};

TEST_F(StoreTest, MissingStoreIsEmpty) {
  ImageStore store(root_ + "/none");
  EXPECT_EQ(store.resolve("busybox").error().code, ENOENT);
  EXPECT_THAT(store.resolve("busybox").error().message(), HasSubstr("rcrt import"));
  EXPECT_TRUE(store.list()->empty());
  EXPECT_EQ(store.untag("busybox", false).error().code, ENOENT);
}

TEST_F(StoreTest, ResolvesByNameIdAndPrefix) {
  index({named(image('1', 'a', {hex('7'), hex('8')}), "docker.io/library/x:latest"),
         named(image('2', 'b', {hex('7')}), "y")});
  link("7777777", hex('7'));
  link("8888888", hex('8'));
  ImageStore store(root_);
  for (const std::string reference : {"x", "x:latest", "docker.io/library/x", "aaaa", "sha256:aaaaaaa"}) {
    auto found = store.resolve(reference);
    ASSERT_TRUE(found) << reference << ": " << found.error().message();
    EXPECT_EQ(found->id, "sha256:" + hex('a'));
    EXPECT_EQ(found->digest, "sha256:" + hex('1'));
    EXPECT_EQ(found->layers, (std::vector<std::string>{"l/8888888", "l/7777777"}));
    EXPECT_EQ(found->diff_ids, (std::vector<std::string>{hex('7'), hex('8')}));
  }
  EXPECT_EQ(store.resolve("docker.io/library/y:latest")->name, "y");
  EXPECT_EQ(store.resolve("aaa").error().code, ENOENT);
  EXPECT_TRUE(store.resolve("x@sha256:" + hex('1')));
  EXPECT_EQ(store.resolve("x@sha256:" + hex('2')).error().code, ENOENT);
  EXPECT_EQ(store.list()->at(0).created, 10);
  EXPECT_EQ(store.list()->at(0).size, 200u);
}

TEST_F(StoreTest, PrefixOfTwoImagesIsAmbiguous) {
  const std::string one = "abcd" + std::string(60, '1'), two = "abcd" + std::string(60, '2');
  std::vector<Json> manifests;
  for (const std::string& config : {one, two}) {
    const Json content = {{"rootfs", {{"diff_ids", Json::array()}}}};
    write("images/blobs/sha256/" + config, content.dump());
    const char digit = config == one ? '3' : '4';
    manifests.push_back(named(blob(digit, "application/vnd.oci.image.manifest.v1+json",
                                   {{"config",
                                     {{"mediaType", "application/vnd.oci.image.config.v1+json"},
                                      {"digest", "sha256:" + config},
                                      {"size", content.dump().size()}}},
                                    {"layers", Json::array()}}),
                              std::string("n") + digit));
  }
  index(manifests);
  EXPECT_THAT(refusal("abcd"), HasSubstr("ambiguous"));
  EXPECT_TRUE(ImageStore(root_).resolve("abcd1"));
}

TEST_F(StoreTest, LinkNamesThatCollideAreTakenFromFurtherRight) {
  const std::string one = "1234567" + std::string(57, 'a'), two = "1234567" + std::string(57, 'b');
  index({named(image('1', 'c', {one, two}), "x")});
  link("1234567", one);
  link("234567b", two);
  EXPECT_EQ(ImageStore(root_).resolve("x")->layers, (std::vector<std::string>{"l/234567b", "l/1234567"}));
  // Also when the one that was first has gone.
  fs::remove(root_ + "/layers/l/1234567");
  EXPECT_THAT(refusal(), HasSubstr("layer not unpacked"));
}

TEST_F(StoreTest, UntagTakesOneNameAndKeepsWhatItDoesNotKnow) {
  const Json entry = image('1', 'a', {hex('7')});
  link("7777777", hex('7'));
  const Json other = {{"mediaType", "application/x"}, {"digest", "sha256:" + hex('9')}, {"size", 1}};
  index({named(entry, "x"), named(entry, "z"), other});
  ImageStore store(root_);
  ASSERT_TRUE(store.untag("docker.io/library/x:latest", false));
  EXPECT_EQ(store.resolve("x").error().code, ENOENT);
  EXPECT_TRUE(store.resolve("z"));
  ASSERT_TRUE(store.tag("z", "docker.io/library/w:1"));
  EXPECT_EQ(store.resolve("w:1")->id, "sha256:" + hex('a'));
  EXPECT_EQ(store.with_id(hex('a'))->size(), 2u);
  // The last name may go while the image stays.
  ASSERT_TRUE(store.untag("w:1", true));
  ASSERT_TRUE(store.untag("z", true));
  EXPECT_EQ(store.list()->size(), 1u);
  EXPECT_EQ(store.list()->at(0).key, "");
  ASSERT_TRUE(store.forget("sha256:" + hex('a')));
  EXPECT_TRUE(store.list()->empty());
  std::ifstream in(root_ + "/images/index.json");
  EXPECT_EQ(Json::parse(in)["manifests"], Json::array({other}));
  EXPECT_EQ(store.untag("x", false).error().code, ENOENT);
}

TEST_F(StoreTest, BadStoresGiveOneClearError) {
  link("7777777", hex('7'));
  write("images/index.json", "{");
  EXPECT_THAT(refusal(), HasSubstr("not JSON"));
  write("images/index.json", "[]");
  EXPECT_THAT(refusal(), HasSubstr("not a JSON object"));
  write("images/index.json", "{}");
  EXPECT_THAT(refusal(), HasSubstr("no list of manifests"));
  write("images/index.json", R"({"manifests":[],"layers":[]})");
  EXPECT_THAT(refusal(), HasSubstr("ambiguous"));
  for (const std::string bad : {"sha256:../../../../etc/passwd", "sha256:", "sha256:AAAA", ""}) {
    const Json entry = {
        {"mediaType", "application/vnd.oci.image.manifest.v1+json"}, {"digest", bad}, {"size", 1}};
    index(std::vector<Json>(1, entry));
    EXPECT_THAT(refusal(), HasSubstr("not a sha256 digest")) << bad;
  }
  // A manifest that can be read as an index too (CVE-2021-41190).
  Json content = {{"manifests", Json::array()}, {"config", Json::object()}, {"layers", Json::array()}};
  index({named(blob('5', "application/vnd.oci.image.manifest.v1+json", content), "x")});
  EXPECT_THAT(refusal(), HasSubstr("ambiguous"));
  Json entry = image('1', 'a', {hex('7')});
  entry["size"] = 1;
  index({named(entry, "x")});
  EXPECT_THAT(refusal(), HasSubstr("wrong size"));
  entry = image('1', 'a', {hex('6')});
  index({named(entry, "x")});
  EXPECT_THAT(refusal(), HasSubstr("layer not unpacked"));
  fs::remove(root_ + "/images/blobs/sha256/" + hex('a'));
  EXPECT_THAT(refusal(), HasSubstr("missing"));
  // Without its manifest an image is still listed, so that it can be removed.
  fs::remove(root_ + "/images/blobs/sha256/" + hex('1'));
  EXPECT_EQ(ImageStore(root_).list()->at(0).id, "");
  fs::remove(root_ + "/images/index.json");
  fs::create_symlink("/etc/passwd", root_ + "/images/index.json");
  EXPECT_NE(refusal(), "no error");
}

TEST_F(StoreTest, DeepJsonIsNoStackOverflow) {
  write("images/index.json", R"({"manifests":)" + std::string(1 << 20, '['));
  EXPECT_THAT(refusal(), HasSubstr("not JSON"));
  write("images/index.json",
        R"({"manifests":)" + std::string(1 << 20, '[') + std::string(1 << 20, ']') + "}");
  EXPECT_NE(refusal(), "no error");
}

}  // namespace
}  // namespace rcrt
