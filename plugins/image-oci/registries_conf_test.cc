// SPDX-License-Identifier: MIT
#include "plugins/image-oci/registries_conf.h"

#include <gtest/gtest.h>

namespace rcrt::image_oci {
namespace {

RegistriesConf conf(const std::string& text) {
  RegistriesConf made;
  auto added = made.add(text, "test.conf");
  EXPECT_TRUE(added.has_value()) << added.error().message();
  return made;
}

std::string candidates(const RegistriesConf& conf, const std::string& reference) {
  auto found = conf.candidates(reference);
  if (!found) return "error: " + found.error().message();
  std::string text;
  for (const Reference& one : *found) text += (text.empty() ? "" : " ") + one.text();
  return text;
}

std::string endpoints(const RegistriesConf& conf, const std::string& reference) {
  auto found = conf.pull_endpoints(*parse_reference(reference));
  if (!found) return "error: " + found.error().message();
  std::string text;
  for (const Endpoint& one : *found)
    text += (text.empty() ? "" : " ") + one.host + "/" + one.repository + (one.insecure ? "!" : "") +
            (one.mirror ? "~" : "");
  return text;
}

const std::string kDigest = "@sha256:" + std::string(64, 'a');

TEST(RegistriesConf, WithoutAnyFileAsDockerDoes) {
  const RegistriesConf none;
  EXPECT_EQ(candidates(none, "busybox"), "docker.io/library/busybox:latest");
  EXPECT_EQ(candidates(none, "q.io/a/b:1"), "q.io/a/b:1");
  EXPECT_EQ(endpoints(none, "busybox"), "registry-1.docker.io/library/busybox");
  EXPECT_EQ(endpoints(none, "localhost:5000/x"), "localhost:5000/x");
}

TEST(RegistriesConf, ShortNames) {
  const RegistriesConf both =
      conf("unqualified-search-registries = ['q.io', 'docker.io']\n[aliases]\n'app' = 'r.io/team/app'");
  EXPECT_EQ(candidates(both, "busybox:1"), "q.io/busybox:1 docker.io/library/busybox:1");
  EXPECT_EQ(candidates(both, "app"), "r.io/team/app:latest");
  EXPECT_EQ(candidates(both, "app" + kDigest), "r.io/team/app" + kDigest);
  EXPECT_EQ(candidates(both, "z.io/app"), "z.io/app:latest");
  EXPECT_EQ(candidates(conf("unqualified-search-registries = []"), "busybox").substr(0, 6), "error:");
  const RegistriesConf strict =
      conf("unqualified-search-registries = ['q.io', 'docker.io']\nshort-name-mode = 'enforcing'");
  EXPECT_NE(candidates(strict, "busybox").find("q.io/busybox"), std::string::npos);
  EXPECT_EQ(candidates(strict, "busybox").substr(0, 6), "error:");
}

TEST(RegistriesConf, LaterFilesOverEarlier) {
  RegistriesConf all =
      conf("unqualified-search-registries = ['a.io']\n[aliases]\nx = 'a.io/x'\ny = 'a.io/y'");
  ASSERT_TRUE(
      all.add("unqualified-search-registries = ['b.io']\n[aliases]\nx = 'b.io/x'\ny = ''", "2").has_value());
  EXPECT_EQ(candidates(all, "x"), "b.io/x:latest");
  EXPECT_EQ(candidates(all, "y"), "b.io/y:latest");
}

TEST(RegistriesConf, LocationsAndMirrors) {
  const RegistriesConf some = conf(R"(
[[registry]]
prefix = "q.io/team"
location = "inner.example.org:5000/q"
insecure = true
[[registry.mirror]]
location = "m1.example.org"
[[registry.mirror]]
location = "m2.example.org/deep"
insecure = true
pull-from-mirror = "digest-only"
[[registry]]
prefix = "*.wild.org"
location = "w.example.org"
[[registry]]
location = "bad.io"
blocked = true
)");
  EXPECT_EQ(endpoints(some, "q.io/team/app"), "m1.example.org/app~ inner.example.org:5000/q/app!");
  EXPECT_EQ(endpoints(some, "q.io/team/app" + kDigest),
            "m1.example.org/app~ m2.example.org/deep/app!~ inner.example.org:5000/q/app!");
  EXPECT_EQ(endpoints(some, "q.io/teams/app"), "q.io/teams/app");
  EXPECT_EQ(endpoints(some, "a.wild.org/x"), "w.example.org/x");
  EXPECT_EQ(endpoints(some, "wild.org/x"), "wild.org/x");
  EXPECT_NE(endpoints(some, "bad.io/x").find("blocked"), std::string::npos);
  EXPECT_EQ(some.login_endpoint("q.io")->host, "q.io");
  EXPECT_EQ(some.login_endpoint("docker.io")->host, "registry-1.docker.io");
  EXPECT_FALSE(some.login_endpoint("q.io/x").has_value());
  EXPECT_FALSE(some.login_endpoint("../x").has_value());
}

TEST(RegistriesConf, LettersOfOtherLanguages) {
  RegistriesConf conf;
  EXPECT_TRUE(conf.add("# régistres\nunqualified-search-registries = [\"a.org\"]\n", "f"));
  EXPECT_FALSE(conf.add("x = \"y\"\u036f [", "f"));
}

TEST(RegistriesConf, WhatIsWrongIsSaid) {
  for (const char* text :
       {"x =", "unqualified-search-registries = 'a'", "unqualified-search-registries = [1]",
        "short-name-mode = 'x'", "[registries.search]\nregistries = ['a']", "registry = 1", "registry = [1]",
        "[[registry]]\nlocation = '../x'", "[[registry]]\nlocation = 'a b'",
        "[[registry]]\nprefix = 'a*'\nlocation='b'", "[[registry]]\nlocation = 'a'\n[[registry.mirror]]\n",
        "[[registry]]\nlocation = 'https://a'"}) {
    RegistriesConf made;
    auto added = made.add(text, "test.conf");
    EXPECT_FALSE(added.has_value()) << text;
    if (!added) {
      EXPECT_NE(added.error().message().find("test.conf"), std::string::npos) << text;
    }
  }
}

}  // namespace
}  // namespace rcrt::image_oci
