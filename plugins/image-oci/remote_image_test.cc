// SPDX-License-Identifier: MIT
#include "plugins/image-oci/remote_image.h"

#include <gtest/gtest.h>

#include "plugins/image-oci/digest.h"

namespace rcrt::image_oci {
namespace {

constexpr const char* kManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndex = "application/vnd.oci.image.index.v1+json";

std::string check(const std::string& text, const std::string& type, const std::string& header = "",
                  const std::string& wanted = "") {
  auto document = check_manifest(text, type, header, wanted, "x");
  return document ? document->descriptor.media_type : "error: " + document.error().message();
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

TEST(Manifest, HeaderDocumentAndDigestMustAgree) {
  const std::string plain = R"({"schemaVersion":2,"config":{},"layers":[]})";
  const std::string typed = std::string(R"({"schemaVersion":2,"mediaType":")") + kManifest + R"("})";
  const std::string right = "sha256:" + sha256_hex(plain), wrong = "sha256:" + std::string(64, '0');
  EXPECT_EQ(check(plain, kManifest), kManifest);
  EXPECT_EQ(check(plain, std::string(kManifest) + "; charset=utf-8", right, right), kManifest);
  EXPECT_EQ(check(typed, "application/json"), kManifest);
  EXPECT_EQ(check(plain, ""), kManifest);
  EXPECT_EQ(check(R"({"schemaVersion":2,"manifests":[]})", "text/plain"), kIndex);
  EXPECT_TRUE(has(check(typed, kIndex), "ambiguous"));
  EXPECT_TRUE(has(check(plain, kManifest, wrong), "one digest"));
  EXPECT_TRUE(has(check(plain, kManifest, "", wrong), "wrong content"));
  EXPECT_TRUE(has(check(R"({"schemaVersion":1})", ""), "schema 1"));
  EXPECT_TRUE(has(check(plain, "application/vnd.docker.distribution.manifest.v1+json"), "schema 1"));
  EXPECT_TRUE(has(check(R"({"layers":[]})", kManifest), "schemaVersion"));
  EXPECT_TRUE(has(check("nonsense", kManifest), "not JSON"));
  EXPECT_TRUE(has(check(R"({"schemaVersion":2,"mediaType":"application/x"})", ""), "not a container image"));
}

Descriptor of(const std::string& platform, char digit) {
  auto parsed = parse_platform(platform);
  Descriptor entry;
  entry.media_type = kManifest;
  entry.digest = "sha256:" + std::string(64, digit);
  entry.os = parsed->os;
  entry.architecture = parsed->architecture;
  entry.variant = parsed->variant;
  return entry;
}

char chosen(const std::vector<Descriptor>& entries, const std::string& platform) {
  auto found = choose_platform(entries, *parse_platform(platform), "x");
  return found ? found->digest.back() : '-';
}

TEST(Platform, TheBestThatRuns) {
  const std::vector<Descriptor> entries = {of("linux/amd64", 'a'),   of("linux/arm/v6", 'b'),
                                           of("linux/arm/v7", 'c'),  of("linux/arm64/v8", 'd'),
                                           of("windows/amd64", 'e'), of("linux/amd64/v3", 'f')};
  EXPECT_EQ(chosen(entries, "linux/amd64"), 'a');
  EXPECT_EQ(chosen(entries, "amd64"), 'a');
  EXPECT_EQ(chosen(entries, "x86_64"), 'a');
  EXPECT_EQ(chosen(entries, "linux/amd64/v2"), 'a');
  EXPECT_EQ(chosen(entries, "linux/amd64/v3"), 'f');
  EXPECT_EQ(chosen(entries, "linux/amd64/v4"), 'f');
  EXPECT_EQ(chosen(entries, "linux/arm"), 'c');
  EXPECT_EQ(chosen(entries, "linux/arm/v6"), 'b');
  EXPECT_EQ(chosen(entries, "linux/arm/v5"), '-');
  EXPECT_EQ(chosen(entries, "arm64"), 'd');
  EXPECT_EQ(chosen(entries, "linux/riscv64"), '-');
  for (const char* bad : {"linux/", "/amd64", "a/b/c/d", "Linux/amd64", "linux/../x"})
    EXPECT_FALSE(parse_platform(bad).has_value()) << bad;
  EXPECT_EQ(parse_platform("")->text(), host_platform().text());
}

}  // namespace
}  // namespace rcrt::image_oci
