// SPDX-License-Identifier: MIT
#include "plugins/image-oci/credentials.h"

#include <gtest/gtest.h>

#include "plugins/image-oci/base64.h"

namespace rcrt::image_oci {
namespace {

std::string user_of(const std::string& text, const std::string& registry,
                    const std::string& repository = "a/b") {
  auto found = credentials_in(text, "f", registry, repository);
  if (!found) return "error: " + found.error().message();
  return *found ? (*found)->username + ":" + (*found)->password : "none";
}

std::string entry(const std::string& name, const std::string& who) {
  return "\"" + name + "\":{\"auth\":\"" + base64_encode(who) + "\"}";
}

TEST(Base64, BothWays) {
  for (const char* text : {"", "a", "ab", "abc", "abcd", "tim:secret"}) {
    EXPECT_EQ(base64_decode(base64_encode(text)).value_or("?"), text);
  }
  EXPECT_EQ(base64_encode("ab"), "YWI=");
  EXPECT_EQ(base64_decode("YWI").value_or("?"), "ab");
  EXPECT_FALSE(base64_decode("Y").has_value());
  EXPECT_FALSE(base64_decode("Y*I=").has_value());
}

TEST(Credentials, TheLongestNameThatCoversTheRepository) {
  const std::string file = "{\"auths\":{" + entry("q.io", "host:1") + "," + entry("q.io/a", "team:2") + "," +
                           entry("q.io/a/b", "app:3") + "}}";
  EXPECT_EQ(user_of(file, "q.io", "a/b"), "app:3");
  EXPECT_EQ(user_of(file, "q.io", "a/c"), "team:2");
  EXPECT_EQ(user_of(file, "q.io", "ab/c"), "host:1");
  EXPECT_EQ(user_of(file, "q.io:5000"), "none");
  EXPECT_EQ(user_of(file, "xq.io"), "none");
}

TEST(Credentials, DockersNameForItsRegistry) {
  EXPECT_EQ(user_of("{\"auths\":{" + entry("https://index.docker.io/v1/", "tim:x:y") + "}}", "docker.io"),
            "tim:x:y");
  EXPECT_EQ(user_of("{\"auths\":{" + entry("https://r.example.org/v2/", "tim:x") + "}}", "r.example.org"),
            "tim:x");
  EXPECT_EQ(user_of(R"({"auths":{"r":{"username":"u","password":"p"}}})", "r"), "u:p");
  auto token = credentials_in(R"({"auths":{"r":{"identitytoken":"t"}}})", "f", "r", "a");
  EXPECT_EQ((*token)->identity_token, "t");
}

TEST(Credentials, HelpersAreRefusedWhereTheyMatter) {
  EXPECT_NE(user_of(R"({"credHelpers":{"r":"gcr"}})", "r").find("helper program"), std::string::npos);
  EXPECT_EQ(user_of(R"({"credHelpers":{"r":"gcr"}})", "other"), "none");
  EXPECT_NE(user_of(R"({"credsStore":"desktop","auths":{"r":{}}})", "r").find("helper program"),
            std::string::npos);
  EXPECT_EQ(user_of(R"({"credsStore":"desktop"})", "r"), "none");
}

TEST(Credentials, DamagedFilesAreErrors) {
  for (const char* text :
       {"[]", "{", "{\"auths\":1}", R"({"auths":{"r":{"auth":"***"}}})", R"({"auths":{"r":1}})",
        R"({"auths":{"r":{"auth":"YWJj"}}})", R"({"auths":{"r":{"username":"a\r\nb","password":"c"}}})"})
    EXPECT_EQ(user_of(text, "r").substr(0, 6), "error:") << text;
  EXPECT_EQ(user_of("", "r"), "none");
  EXPECT_EQ(user_of("{}", "r"), "none");
  EXPECT_EQ(user_of(R"({"auths":null})", "r"), "none");
}

TEST(Credentials, WritingKeepsTheRest) {
  const std::string before = R"({"auths":{"x":{"auth":"YTpi"}},"psFormat":"table"})";
  const Credentials credentials{"tim", "p:w", ""};
  bool changed = false;
  auto with = with_credentials(before, "f", "r:5000", &credentials, &changed);
  ASSERT_TRUE(with.has_value());
  EXPECT_TRUE(changed);
  EXPECT_EQ(user_of(*with, "r:5000"), "tim:p:w");
  EXPECT_EQ(user_of(*with, "x"), "a:b");
  EXPECT_NE(with->find("psFormat"), std::string::npos);
  auto without = with_credentials(*with, "f", "r:5000", nullptr, &changed);
  EXPECT_TRUE(changed);
  EXPECT_EQ(user_of(*without, "r:5000"), "none");
  EXPECT_EQ(user_of(*without, "x"), "a:b");
  with_credentials(*without, "f", "r:5000", nullptr, &changed).value();
  EXPECT_FALSE(changed);
  auto hub = with_credentials("", "f", "docker.io", &credentials, &changed);
  EXPECT_NE(hub->find("https://index.docker.io/v1/"), std::string::npos);
  EXPECT_FALSE(with_credentials(R"({"credsStore":"d"})", "f", "r", &credentials, &changed).has_value());
}

}  // namespace
}  // namespace rcrt::image_oci
