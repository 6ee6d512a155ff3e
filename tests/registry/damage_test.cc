// SPDX-License-Identifier: MIT
// Pulling from a registry that breaks off, lies, or is overloaded.
#include <gmock/gmock.h>

#include "tests/registry/registry_stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class DamageTest : public RegistryTest {
 protected:
  void expect_nothing_registered(const std::string& before) {
    EXPECT_THAT(run({"images"}).out, Not(HasSubstr("127.0.0.1")));
    EXPECT_EQ(store_files(), before);
  }
};

TEST_F(DamageTest, BrokenConnectionsAreGoneOnWith) {
  const std::string digest = registry().make("team/app", "latest", "layers=1 size=1000000");
  const std::string layer = registry().layers(digest)[0];
  registry().faults({{{"path", layer}, {"do", "cut"}, {"after", 300000}, {"times", 3}}});
  Output pulled = pull(image());
  EXPECT_EQ(pulled.code, 0) << pulled;
  EXPECT_THAT(pulled.err, HasSubstr("trying again"));
  EXPECT_TRUE(is_whole(image(), 1));
  std::vector<std::string> ranges;
  for (const Json& request : registry().requests())
    if (request["path"].get<std::string>().find(layer) != std::string::npos)
      ranges.push_back(request["range"].get<std::string>());
  ASSERT_EQ(ranges.size(), 4u);
  EXPECT_EQ(ranges[0], "");
  EXPECT_EQ(ranges[1], "bytes=300000-");
  EXPECT_EQ(ranges[3], "bytes=900000-");
  forget(image());
  // A registry that knows no ranges sends all of it again.
  registry().faults({{{"path", layer}, {"do", "cut"}, {"after", 300000}, {"times", 1}},
                     {{"path", layer}, {"do", "norange"}}});
  EXPECT_EQ(pull(image()).code, 0);
  EXPECT_TRUE(is_whole(image(), 1));
  forget(image());
}

TEST_F(DamageTest, ResetsAreTriedAgain) {
  const std::string digest = registry().make("team/app", "latest");
  const std::string layer = registry().layers(digest)[0];
  registry().faults({{{"path", "/manifests/"}, {"do", "reset"}, {"times", 2}},
                     {{"path", layer}, {"do", "reset"}, {"times", 2}}});
  Output pulled = pull(image());
  EXPECT_EQ(pulled.code, 0) << pulled;
  EXPECT_TRUE(is_whole(image(), 1));
  auto requests = registry().requests();
  EXPECT_EQ(count(requests, "/manifests/"), 3);
  EXPECT_EQ(count(requests, layer), 3);
  forget(image());
}

TEST_F(DamageTest, BusyRegistriesAreAskedAgain) {
  const std::string digest = registry().make("team/app", "latest");
  registry().faults(
      {{{"path", "/manifests/"},
        {"do", "status"},
        {"status", 429},
        {"headers", {{"Retry-After", "0"}}},
        {"times", 2}},
       {{"path", registry().layers(digest)[0]}, {"do", "status"}, {"status", 503}, {"times", 2}},
       {{"path", "/v2/"}, {"do", "status"}, {"status", 500}, {"times", 1}}});
  Output pulled = pull(image());
  EXPECT_EQ(pulled.code, 0) << pulled;
  auto requests = registry().requests();
  EXPECT_EQ(count(requests, "/manifests/"), 3);
  EXPECT_EQ(count(requests, registry().layers(digest)[0]), 3);
  forget(image());
  registry().faults(
      {{{"path", "/manifests/"}, {"do", "status"}, {"status", 429}, {"headers", {{"Retry-After", "0"}}}}});
  Output refused = pull(image());
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("429"));
}

TEST_F(DamageTest, WrongContentIsNeverKept) {
  const std::string digest = registry().make("team/app", "latest", "layers=2 kind=tar");
  const std::string other = registry().make("team/app", "other", "layers=2 kind=tar seed=other");
  const std::string layer = registry().layers(digest)[1];
  const std::string before = store_files();
  for (const Json& fault : std::vector<Json>{
           {{"path", layer}, {"do", "corrupt"}},
           {{"path", layer}, {"do", "replace"}, {"by", registry().layers(other)[1]}},
           {{"path", registry().config(digest)}, {"do", "corrupt"}},
           {{"path", "/manifests/"}, {"do", "corrupt"}},
       }) {
    registry().faults({fault});
    Output pulled = pull(image());
    EXPECT_EQ(pulled.code, 1) << fault;
    EXPECT_THAT(pulled.err, AllOf(HasSubstr("content"))) << fault;
    run({"rmi", "nothing-of-the-sort"});
    EXPECT_THAT(run({"images"}).out, Not(HasSubstr("127.0.0.1"))) << fault;
  }
  registry().faults({{{"path", layer}, {"do", "longer"}}});
  Output longer = pull(image());
  EXPECT_EQ(longer.code, 1);
  EXPECT_THAT(longer.err, HasSubstr("more than the manifest says"));
  expect_nothing_registered(before);
  registry().faults({{{"path", layer}, {"do", "shorter"}}});
  Output shorter = pull(image());
  EXPECT_EQ(shorter.code, 1);
  EXPECT_THAT(shorter.err, HasSubstr("less than the manifest says"));
  expect_nothing_registered(before);
  registry().faults({});
  EXPECT_EQ(pull(image()).code, 0);
  EXPECT_TRUE(is_whole(image(), 2));
  forget(image());
}

// Every digest is as it should be; the compressed stream itself is not.
TEST_F(DamageTest, DamagedCompressionIsNamed) {
  for (const char* kind : {"gzip", "zstd"}) {
    const std::string digest =
        registry().make("team/app", kind, std::string("layers=2 damage=1 kind=") + kind);
    const std::string before = store_files();
    Output pulled = pull(image(kind));
    EXPECT_EQ(pulled.code, 1);
    EXPECT_THAT(pulled.err, AllOf(HasSubstr("cannot unpack layer"), HasSubstr("sha256:"),
                                  HasSubstr("cannot decompress the archive")))
        << kind;
    expect_nothing_registered(before);
  }
}

TEST_F(DamageTest, WhatIsNoContainerImageIsRefused) {
  registry().make("team/app", "latest");
  const std::string manifest = "application/vnd.oci.image.manifest.v1+json";
  const std::string hex(64, 'a');
  auto refused = [&](const Json& fault, const std::string& says) {
    registry().faults({fault});
    Output pulled = pull(image());
    EXPECT_EQ(pulled.code, 1) << fault;
    EXPECT_THAT(pulled.err, HasSubstr(says)) << fault;
  };
  refused({{"path", "/manifests/"},
           {"do", "type"},
           {"type", "application/vnd.docker.distribution.manifest.v1+prettyjws"}},
          "schema 1");
  // One document, two readings (CVE-2021-41190).
  refused({{"path", "/manifests/"}, {"do", "type"}, {"type", "application/vnd.oci.image.index.v1+json"}},
          "ambiguous");
  registry().faults({});
  auto with_body = [&](const std::string& text, const std::string& says) {
    registry().faults({{{"path", "/manifests/"}, {"do", "body"}, {"text", text}},
                       {{"path", "/manifests/"}, {"do", "nodigest"}}});
    registry().requests();
    Output pulled = pull(image());
    EXPECT_EQ(pulled.code, 1) << text;
    EXPECT_THAT(pulled.err, HasSubstr(says)) << text;
    EXPECT_EQ(count(registry().requests(), "/blobs/"), 0) << text;
  };
  const std::string config =
      R"("config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:)" + hex +
      R"(","size":2})";
  const std::string head = R"({"schemaVersion":2,"mediaType":")" + manifest + R"(",)";
  with_body(head + config + R"(,"layers":[],"manifests":[]})", "ambiguous");
  with_body(head + config + R"(,"layers":[],"artifactType":"application/spdx+json"})", "OCI artifact");
  with_body(head + R"("config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:)" + hex +
                R"(","size":2},"layers":[]})",
            "not a container image");
  with_body(
      head + config +
          R"(,"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:../../etc/passwd","size":1}]})",
      "not a sha256 digest");
  with_body(
      head + config +
          R"(,"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+encrypted","digest":"sha256:)" +
          hex + R"(","size":1}]})",
      "not known");
  with_body("[]", "not JSON");
  with_body(R"({"schemaVersion":1,"fsLayers":[]})", "schema 1");
  // A malformed digest makes no request at all (CVE-2024-3727).
  registry().requests();
  EXPECT_EQ(pull(registry().host() + "/team/app@sha256:abc").code, 1);
  EXPECT_EQ(pull(registry().host() + "/team/../app").code, 1);
  EXPECT_THAT(registry().requests(), IsEmpty());
}

// Nothing is asked for by a name that is none.
TEST_F(DamageTest, MalformedDigestsMakeNoRequest) {
  const std::string made = registry().make("team/app", "latest");
  const std::string repository = registry().host() + "/team/app";
  for (const char* digest : {"sha256:../../../etc/passwd", "sha256:abc",
                             "md5:00112233445566778899aabbccddeeff", "sha256:", "sha256:ABCDEF"}) {
    EXPECT_NE(pull(repository + "@" + digest).code, 0) << digest;
    EXPECT_TRUE(registry().requests().empty()) << digest;
    // One that the registry names.
    std::string manifest = observe("cat " + registry().dir() + "/blobs/" + made.substr(7));
    manifest.replace(manifest.find(registry().layers(made)[0]), 71, digest);
    registry().faults({{{"path", "/manifests/"}, {"do", "body"}, {"text", manifest}},
                       {{"path", "/manifests/"}, {"do", "nodigest"}}});
    Output pulled = pull(repository);
    EXPECT_EQ(pulled.code, 1) << digest;
    EXPECT_THAT(pulled.err, HasSubstr("not a sha256 digest")) << digest;
    for (const Json& request : registry().requests())
      EXPECT_EQ(request["path"].get<std::string>().find("/blobs/"), std::string::npos) << request;
    registry().faults({});
  }
}

}  // namespace
}  // namespace rcrt::test
