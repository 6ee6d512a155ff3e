// SPDX-License-Identifier: MIT
// Images that others have made, compared with what umoci unpacks of them; and others' tools on our
// store.
#include "tests/images/foreign.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;

TEST_F(ForeignTest, OneLayerOfUmoci) { compare("oci:" + layout() + ":x", layout() + ":x"); }

TEST_F(ForeignTest, AHundredAndTwentyLayersWithWhiteouts) {
  shell("umoci tag --image " + layout() + ":x many");
  fs::create_directories(path("over"));
  std::ofstream(path("over/shown")) << "shown";
  for (int i = 1; i < 116; ++i) {
    std::ofstream(path("one")) << i;
    insert("many", path("one"), "/numbers/" + std::to_string(i % 90));
  }
  shell("umoci insert --image " + layout() + ":many --whiteout /dir/sub");
  shell("umoci insert --image " + layout() + ":many --whiteout /numbers/5");
  shell("umoci insert --image " + layout() + ":many --opaque " + path("over") + " /opaque");
  insert("many", path("one"), "/dir/sub/again");
  compare("oci:" + layout() + ":many", layout() + ":many");
}

TEST_F(ForeignTest, BuiltByBuildahSavedByPodmanAndSkopeo) {
  const std::string name = observe(buildah + "from scratch 2>/dev/null");
  const std::string from = name.substr(0, name.find('\n'));
  shell(buildah + "copy -q " + from + " " + path("base") + " /");
  shell(buildah + "commit -q " + from + " oci:" + layout() + ":built");
  shell(buildah + "commit -q --format docker " + from + " docker-archive:" + path("built.tar") + ":built:1");
  shell(podman + "load -q -i " + path("built.tar"));
  for (const char* format : {"docker-archive", "oci-archive"})
    shell(podman + "save -q --format " + format + " -o " + path(format) + " built:1");
  const std::string docker = path("docker") + ":x";
  copy("", "docker-archive:" + path("built.tar"), "oci:" + docker);
  compare("oci:" + layout() + ":built", layout() + ":built");
  compare("docker-archive:" + path("built.tar"), docker);
  compare(path("docker-archive"), docker);
  compare(path("oci-archive"), docker);
  copy("", "oci:" + layout() + ":built", "dir:" + path("dir"));
  compare("dir:" + path("dir"), layout() + ":built");
  for (const char* compression : {"zstd", "zstd:chunked"}) {
    copy(std::string("--dest-compress-format ") + compression, "docker-archive:" + path("built.tar"),
         "oci:" + path("zstd") + ":x");
    EXPECT_THAT(observe("skopeo inspect --raw oci:" + path("zstd") + ":x"), HasSubstr("tar+zstd"));
    compare("oci:" + path("zstd") + ":x", docker);
  }
  shell(buildah + "rm " + from);
}

TEST_F(ForeignTest, TheImageForThisMachineOutOfAnIndex) {
  std::ifstream in(layout() + "/index.json");
  Json manifest;
  const Json whole = Json::parse(in);
  for (const Json& entry : whole["manifests"])
    if (entry.value("annotations", Json::object()).value("org.opencontainers.image.ref.name", "") == "x")
      manifest = entry;
  ASSERT_TRUE(manifest.is_object()) << manifest;
  auto member = [&](const char* architecture, const std::string& digest) {
    return Json{{"mediaType", manifest["mediaType"]},
                {"digest", digest},
                {"size", manifest["size"]},
                {"platform", {{"os", "linux"}, {"architecture", architecture}}}};
  };
#if defined(__x86_64__)
  const char* const mine = "amd64";
#else
  const char* const mine = "arm64";
#endif
  const std::string index = Json{{"schemaVersion", 2},
                                 {"mediaType", "application/vnd.oci.image.index.v1+json"},
                                 {"manifests",
                                  {member("s390x", "sha256:" + std::string(64, 'a')),
                                   member(mine, manifest["digest"].get<std::string>())}}}
                                .dump();
  std::ofstream(path("index")) << index;
  const std::string sum = observe("sha256sum <" + path("index")).substr(0, 64);
  fs::remove_all(path("indexed"));
  fs::copy(layout(), path("indexed"), fs::copy_options::recursive);
  fs::copy(path("index"), path("indexed/blobs/sha256/") + sum);
  std::ofstream(path("indexed/index.json"))
      << Json{{"schemaVersion", 2},
              {"manifests",
               {{{"mediaType", "application/vnd.oci.image.index.v1+json"},
                 {"digest", "sha256:" + sum},
                 {"size", index.size()},
                 {"annotations", {{"org.opencontainers.image.ref.name", "several"}}}}}}};
  compare("oci:" + path("indexed") + ":several", layout() + ":x");
}

TEST_F(ForeignTest, OthersReadOurStoreAndWeSeeWhatTheyWrite) {
  // buildah wants no capital letters in a path.
  fs::create_directory_symlink(stage->root(), "/var/lib/containers/ours");
  const std::string store = "/var/lib/containers/ours/images";
  ASSERT_EQ(run({"load", "-q", "oci:" + layout() + ":x"}).code, 0);
  ASSERT_EQ(run({"tag", "localhost/x", "x"}).code, 0);
  EXPECT_THAT(observe("umoci ls --layout " + store), HasSubstr("docker.io/library/x:latest\n"));
  copy("", "oci:" + store + ":docker.io/library/x:latest", "dir:" + path("copied"));
  const std::string name = observe(buildah + "from -q oci:" + store + ":docker.io/library/x:latest 2>&1");
  EXPECT_THAT(name, HasSubstr("working-container"));
  shell(buildah + "rm " + name.substr(0, name.find('\n')));

  // Each writes an image; it is there at once, also what has the same size, and runs.
  copy("", "oci:" + layout() + ":x", "oci:" + store + ":by-skopeo");
  Output ran = run({"run", "--rm", "by-skopeo", "/bin/find", "/setuid"});
  EXPECT_EQ(ran.out, "/setuid\n") << ran;
  shell("umoci tag --image " + store + ":by-skopeo by-umoci-1");
  EXPECT_EQ(run({"image", "exists", "by-umoci-1"}).code, 0);
  shell("umoci tag --image " + store + ":by-skopeo by-umoci-2 && umoci rm --image " + store + ":by-umoci-1");
  EXPECT_EQ(run({"image", "exists", "by-umoci-1"}).code, 1);
  EXPECT_EQ(run({"image", "exists", "by-umoci-2"}).code, 0);
  std::ofstream(path("one")) << "one";
  shell("umoci insert --image " + store + ":by-umoci-2 " + path("one") + " /one");
  EXPECT_EQ(run({"run", "--rm", "by-umoci-2", "/bin/find", "/one"}).out, "/one\n");
  EXPECT_EQ(run({"run", "--rm", "by-skopeo", "/bin/find", "/one"}).out, "");
  const std::string from = observe(buildah + "from -q scratch 2>/dev/null");
  const std::string container = from.substr(0, from.find('\n'));
  shell(buildah + "copy -q " + container + " " + path("base") + " /");
  shell(buildah + "commit -q " + container + " oci:" + store + ":by-buildah");
  EXPECT_EQ(run({"run", "--rm", "by-buildah", "/bin/find", "/setuid"}).out, "/setuid\n");
  shell(buildah + "rm " + container);
}

TEST_F(ForeignTest, OthersReadWhatWeSave) {
  ASSERT_EQ(run({"load", "-q", "oci:" + layout() + ":x"}).code, 0);
  for (const char* transport : {"docker-archive", "oci-archive", "oci", "dir"}) {
    SCOPED_TRACE(transport);
    const std::string to = std::string(transport) + ":" + path("saved");
    Output saved = run({"save", "-o", to, "localhost/x"});
    ASSERT_EQ(saved.code, 0) << saved;
    copy("", to, "oci:" + path("again") + ":x");
    EXPECT_EQ(unpacked_by_umoci(path("again") + ":x"), unpacked_by_umoci(layout() + ":x"));
    if (std::string(transport).ends_with("archive")) shell(podman + "load -q -i " + path("saved"));
    fs::remove_all(path("saved"));
  }
}

}  // namespace
}  // namespace rcrt::test
