// SPDX-License-Identifier: MIT
// Archives and folders made to do harm: each is refused in one line, and nothing of it is there.
#include <gmock/gmock.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class AttackTest : public StageTest {
 protected:
  void SetUp() override {
    StageTest::SetUp();
    if (!stage) return;
    fs::remove_all(dir());
    fs::create_directories(dir() + "/layer");
    std::ofstream(dir() + "/layer/file") << "text";
    observe("tar -cf " + dir() + "/layer.tar -C " + dir() + "/layer .");
    put("config.json", config(sha256("layer.tar")).dump());
    images_ = run({"images", "--no-trunc", "-q"}).out;
  }
  void TearDown() override {
    if (stage) {
      EXPECT_EQ(run({"images", "--no-trunc", "-q"}).out, images_);
      EXPECT_TRUE(fs::is_empty(stage->root() + "/incoming"));
      EXPECT_EQ(run({"image", "verify", "-q"}).out, "");
    }
    StageTest::TearDown();
  }
  static std::string dir() { return stage->dir() + "/made"; }
  static void put(const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(dir() + "/" + name).parent_path());
    std::ofstream(dir() + "/" + name) << text;
  }
  static std::string sha256(const std::string& name) {
    return observe("sha256sum <" + dir() + "/" + name).substr(0, 64);
  }
  static Json config(const std::string& diff_id) {
    return {{"os", "linux"}, {"rootfs", {{"type", "layers"}, {"diff_ids", {"sha256:" + diff_id}}}}};
  }
  static void docker_manifest(const std::string& layer, const std::string& config = "config.json") {
    put("manifest.json",
        Json::array({{{"Config", config}, {"RepoTags", {"evil:1"}}, {"Layers", {layer}}}}).dump());
  }
  // An OCI layout whose manifest is the text.
  static void layout(const std::string& manifest, const std::string& digest = "") {
    put("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    put("m", manifest);
    const std::string hex = sha256("m");
    fs::create_directories(dir() + "/blobs/sha256");
    for (const char* name : {"m", "config.json", "layer.tar"})
      fs::copy(dir() + "/" + name, dir() + "/blobs/sha256/" + sha256(name));
    put("index.json", Json{{"schemaVersion", 2},
                           {"manifests",
                            {{{"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                              {"digest", digest.empty() ? "sha256:" + hex : digest},
                              {"size", manifest.size()}}}}}
                          .dump());
  }
  static Json manifest(const std::string& layer_digest) {
    return {{"schemaVersion", 2},
            {"config",
             {{"mediaType", "application/vnd.oci.image.config.v1+json"},
              {"digest", "sha256:" + sha256("config.json")},
              {"size", fs::file_size(dir() + "/config.json")}}},
            {"layers",
             {{{"mediaType", "application/vnd.oci.image.layer.v1.tar"},
               {"digest", layer_digest},
               {"size", fs::file_size(dir() + "/layer.tar")}}}}};
  }
  static void expect_refused(const Output& output, const std::string& says) {
    EXPECT_EQ(output.code, 125) << output;
    EXPECT_THAT(output.err, HasSubstr(says));
    EXPECT_EQ(std::ranges::count(output.err, '\n'), 1) << output;
  }
  // As a folder or an archive of it.
  static void expect_refused(const std::string& transport, const std::string& says,
                             const std::string& tar = "") {
    SCOPED_TRACE(transport);
    std::string path = dir();
    if (transport.ends_with("archive")) {
      path = stage->dir() + "/made.tar";
      observe("tar -cf " + path + " -C " + dir() + " . " + tar);
    }
    expect_refused(run({"load", "-q", transport + ":" + path}), says);
  }

  static void with_limits(const std::string& limits, const std::string& says) {
    stage->environment = {"RCRT_IMAGE_LIMITS=" + limits};
    expect_refused("docker-archive", says);
    stage->environment.clear();
  }

  std::string images_;
};

TEST_F(AttackTest, WhatIsGoodIsTaken) {
  docker_manifest("layer.tar");
  observe("tar -cf " + stage->dir() + "/made.tar -C " + dir() + " .");
  EXPECT_EQ(run({"load", "-i", stage->dir() + "/made.tar"}).code, 0);
  EXPECT_EQ(run({"rmi", "evil:1"}).code, 0);
  layout(manifest("sha256:" + sha256("layer.tar")).dump());
  Output loaded = run({"load", "-q", "oci:" + dir()});
  EXPECT_EQ(loaded.code, 0) << loaded;
  EXPECT_EQ(run({"rmi", loaded.out.substr(0, 71)}).code, 0);
}

TEST_F(AttackTest, PathsThatLeadOutOfTheArchive) {
  for (const char* path : {"../../../../../../etc/passwd", "/etc/passwd", "x/../../etc/passwd", ""}) {
    docker_manifest(path);
    expect_refused("docker-archive", "");
    docker_manifest("layer.tar", path);
    expect_refused("docker-archive", "");
  }
}

TEST_F(AttackTest, LinksThatLeadOutOfIt) {
  docker_manifest("link");
  for (const char* target : {"/etc/passwd", "../../../../../../../etc/passwd", "link"}) {
    fs::remove(dir() + "/link");
    fs::create_symlink(target, dir() + "/link");
    expect_refused("docker-archive", "not in the archive");
  }
  // In a folder too, where a link could be followed.
  layout(manifest("sha256:" + sha256("layer.tar")).dump());
  const std::string blob = dir() + "/blobs/sha256/" + sha256("layer.tar");
  fs::remove(blob);
  const std::string secret = stage->file("secret", observe("cat " + dir() + "/layer.tar"));
  fs::create_symlink(secret, blob);
  expect_refused("oci", "cannot open");
}

TEST_F(AttackTest, AmbiguousDocuments) {
  Json both = manifest("sha256:" + sha256("layer.tar"));
  both["manifests"] = Json::array();
  layout(both.dump());
  expect_refused("oci", "ambiguous");
  expect_refused("oci-archive", "ambiguous");
  fs::remove_all(dir() + "/blobs");
  docker_manifest("layer.tar");
  fs::remove(dir() + "/index.json");
  fs::remove(dir() + "/oci-layout");
  expect_refused("docker-archive", "ambiguous", "./manifest.json");
}

TEST_F(AttackTest, DigestsThatAreNoneOrNotOfTheContent) {
  const std::string good = "sha256:" + sha256("layer.tar");
  for (const std::string& digest : {std::string("sha256:../../../../../../../etc/passwd"),
                                    std::string("sha256:ABC"), good + "/..", "md5:" + std::string(32, 'a')}) {
    fs::remove_all(dir() + "/blobs");
    layout(manifest(digest).dump());
    expect_refused("oci", "not a sha256 digest");
    fs::remove_all(dir() + "/blobs");
    layout(manifest(good).dump(), digest);
    expect_refused("oci", "not a sha256 digest");
  }
  fs::remove_all(dir() + "/blobs");
  layout(manifest(good).dump());
  const std::string blob = dir() + "/blobs/sha256/" + sha256("layer.tar");
  std::fstream(blob, std::ios::in | std::ios::out).seekp(1024).put('x');
  expect_refused("oci", "damaged layer");
  expect_refused("oci-archive", "damaged layer");
  // The archive's layer is another than the configuration says.
  put("config.json", config(std::string(64, 'a')).dump());
  docker_manifest("layer.tar");
  expect_refused("docker-archive", "damaged layer");
}

TEST_F(AttackTest, Bombs) {
  observe("head -c 50000000 /dev/zero | gzip >" + dir() + "/zeros");
  docker_manifest("zeros");
  with_limits("total_bytes=10k", "total_bytes");
  with_limits("path_bytes=4", "name too long");
  with_limits("entries=2", "entries");
  with_limits("colour=1", "unknown limit");
  observe("head -c 50000000 /dev/zero >" + dir() + "/layer/zeros");
  observe("tar -czf " + dir() + "/layer.tar -C " + dir() + "/layer .");
  docker_manifest("layer.tar");
  with_limits("ratio=10,ratio_free_bytes=1m", "ratio");
}

TEST_F(AttackTest, HolesAttributesAndFolders) {
  docker_manifest("layer.tar");
  const std::string layer = dir() + "/layer/";
  std::ofstream(layer + "holes") << "x";
  fs::resize_file(layer + "holes", 1ull << 30);
  observe("tar --sparse -cf " + dir() + "/layer.tar -C " + layer + " .");
  ASSERT_LT(fs::file_size(dir() + "/layer.tar"), 100'000u);
  with_limits("file_bytes=1m", "file_bytes");
  fs::remove(layer + "holes");
  ASSERT_EQ(::setxattr((layer + "file").c_str(), "user.large", std::string(3000, 'x').data(), 3000, 0), 0);
  observe("tar --xattrs --xattrs-include='*' -cf " + dir() + "/layer.tar -C " + layer + " .");
  with_limits("xattr_bytes=2k", "attributes");
  for (int i = 0; i < 100; ++i) fs::create_directories(layer + std::to_string(i));
  observe("tar -cf " + dir() + "/layer.tar -C " + layer + " .");
  with_limits("directory_bytes=2k", "directory_bytes");
}

// Whatever the layer, it goes through memory in pieces.
TEST_F(AttackTest, MemoryIsBounded) {
  docker_manifest("layer.tar");
  const std::string layer = dir() + "/layer/";
  observe("head -c 150000000 /dev/urandom >" + layer + "large");
  for (int i = 0; i < 5000; ++i) std::ofstream(layer + std::string(200, 'n') + std::to_string(i)) << i;
  observe("tar -cf " + dir() + "/layer.tar -C " + layer + " .");
  put("config.json", config(sha256("layer.tar")).dump());
  const std::string peak = observe("RCRT_ROOT=" + stage->root() + " RCRT_STATE=" + stage->state() +
                                   " python3 -c 'import resource, subprocess; "
                                   "subprocess.run([\"" +
                                   stage->program() + "\", \"load\", \"-q\", \"docker-archive:" + dir() +
                                   "\"], check=True, stdout=subprocess.DEVNULL); "
                                   "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)'");
  EXPECT_GT(std::atoi(peak.c_str()), 0) << peak;
  EXPECT_LT(std::atoi(peak.c_str()), 64 << 10) << "KiB";
  EXPECT_EQ(run({"rmi", "evil:1"}).code, 0);
}

TEST_F(AttackTest, ArtifactsAreNoImages) {
  Json artifact = manifest("sha256:" + sha256("layer.tar"));
  artifact["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json";
  layout(artifact.dump());
  expect_refused("oci", "an OCI artifact cannot be run");
}

}  // namespace
}  // namespace rcrt::test
