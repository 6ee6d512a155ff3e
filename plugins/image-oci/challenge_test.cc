// SPDX-License-Identifier: MIT
#include "plugins/image-oci/challenge.h"

#include <gtest/gtest.h>

#include "plugins/image-oci/token.h"
#include "plugins/image-oci/url.h"

namespace rcrt::image_oci {
namespace {

TEST(Challenge, AsRegistriesWriteIt) {
  const auto found = parse_challenges(
      R"(Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push")");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].scheme, "bearer");
  EXPECT_EQ(found[0].parameters.at("realm"), "https://auth.docker.io/token");
  EXPECT_EQ(found[0].parameters.at("scope"), "repository:a/b:pull,push");
}

TEST(Challenge, SeveralInOneHeader) {
  const auto found = parse_challenges(R"(Basic realm = "a \"quoted\" one", Bearer REALM=x , service="y")");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].parameters.at("realm"), "a \"quoted\" one");
  EXPECT_EQ(found[1].scheme, "bearer");
  EXPECT_EQ(found[1].parameters.at("realm"), "x");
  EXPECT_EQ(found[1].parameters.at("service"), "y");
}

TEST(Challenge, WhatIsBrokenEndsTheList) {
  EXPECT_TRUE(parse_challenges("").empty());
  EXPECT_TRUE(parse_challenges(" ,,").empty());
  EXPECT_EQ(parse_challenges("Basic").size(), 1u);
  EXPECT_TRUE(parse_challenges("Basic realm=\"open")[0].parameters.empty());
  EXPECT_TRUE(parse_challenges("Basic realm=")[0].parameters.empty());
  EXPECT_TRUE(parse_challenges("Basic realm=\"a\\")[0].parameters.empty());
}

Url url(const std::string& text) {
  auto parsed = parse_url(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(Url());
}

TEST(Token, CredentialsGoToTheRegistrysOwnDomainOnly) {
  EXPECT_TRUE(
      may_have_credentials(url("https://registry-1.docker.io/"), url("https://auth.docker.io/token")));
  EXPECT_TRUE(may_have_credentials(url("https://r.example.org:5000/"), url("https://r.example.org/token")));
  EXPECT_TRUE(may_have_credentials(url("http://10.0.0.1:5000/"), url("http://10.0.0.1:5001/token")));
  EXPECT_FALSE(may_have_credentials(url("https://r.example.org/"), url("http://r.example.org/token")));
  EXPECT_FALSE(may_have_credentials(url("https://r.example.org/"), url("https://r.example.com/token")));
  EXPECT_FALSE(may_have_credentials(url("https://example.org/"), url("https://notexample.org/token")));
  EXPECT_FALSE(may_have_credentials(url("http://r.example.org/"), url("http://auth.example.org/token")));
  EXPECT_FALSE(may_have_credentials(url("https://10.0.0.1/"), url("https://11.0.0.1/token")));
  EXPECT_FALSE(may_have_credentials(url("https://org/"), url("https://evil.org/token")));
}

TEST(Url, PartsAndOrigins) {
  const Url parsed = url("HTTPS://Example.org:443/v2/?a=b#c");
  EXPECT_EQ(parsed.text(), "https://example.org/v2/?a=b");
  EXPECT_TRUE(parsed.same_origin(url("https://example.org/other")));
  EXPECT_FALSE(parsed.same_origin(url("http://example.org/")));
  EXPECT_FALSE(parsed.same_origin(url("https://example.org:8443/")));
  EXPECT_EQ(url("http://[::1]:5000").authority(), "[::1]:5000");
  for (const char* bad :
       {"", "ftp://a/", "file:///etc/passwd", "https://", "https://user@host/", "https://a b/",
        "https://a/\n", "https://a:99999999/", "https://a:b/", "//a/b", "https://[::1/"})
    EXPECT_FALSE(parse_url(bad).has_value()) << bad;
}

TEST(Url, Locations) {
  const Url base = url("https://a:5000/v2/x/blobs/uploads/?s=1");
  EXPECT_EQ(resolve_url(base, "/v2/y?z=1")->text(), "https://a:5000/v2/y?z=1");
  EXPECT_EQ(resolve_url(base, "next")->text(), "https://a:5000/v2/x/blobs/uploads/next");
  EXPECT_EQ(resolve_url(base, "?t=2")->text(), "https://a:5000/v2/x/blobs/uploads/?t=2");
  EXPECT_EQ(resolve_url(base, "//b/c")->text(), "https://b/c");
  EXPECT_EQ(resolve_url(base, "http://b/c")->text(), "http://b/c");
  EXPECT_EQ(resolve_url(base, "/a?u=http://b/")->text(), "https://a:5000/a?u=http://b/");
  EXPECT_FALSE(resolve_url(base, "gopher://b/").has_value());
}

}  // namespace
}  // namespace rcrt::image_oci
