// SPDX-License-Identifier: MIT
// Logins, redirects, certificates and registries.conf.
#include <gmock/gmock.h>

#include "tests/registry/registry_stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using AccessTest = RegistryTest;

TEST_F(AccessTest, RedirectsAreFollowedWithoutCredentials) {
  const std::string digest = registry().make("team/app", "latest");
  registry().auth({{"kind", "basic"}, {"user", "tim"}, {"password", "secret"}});
  registry().faults(
      {{{"path", "/blobs/"}, {"do", "redirect"}, {"to", "http://" + registry().other()}, {"times", 2}}});
  Output denied = pull(image());
  EXPECT_EQ(denied.code, 1);
  EXPECT_THAT(denied.err, AllOf(HasSubstr("login"), HasSubstr("401")));
  Output login = run({"login", "-u", "tim", "--password-stdin", registry().host()}, "secret\n");
  ASSERT_EQ(login.code, 0) << login;
  registry().requests();
  Output pulled = pull(image());
  ASSERT_EQ(pulled.code, 0) << pulled;
  int elsewhere = 0;
  for (const Json& request : registry().requests())
    if (request["host"] == "127.0.0.2") {
      ++elsewhere;
      EXPECT_EQ(request["authorization"], "") << request;
    }
  EXPECT_EQ(elsewhere, 2);
  EXPECT_TRUE(is_whole(image(), 1));
  forget(image());
  // In a circle, and to what is no address.
  registry().faults({{{"path", "/blobs/"}, {"do", "redirect"}, {"to", "http://" + registry().host()}}});
  EXPECT_THAT(pull(image()).err, HasSubstr("circle"));
  registry().faults({{{"path", "/blobs/"}, {"do", "redirect"}, {"to", "file:///etc/shadow?"}}});
  EXPECT_THAT(pull(image()).err, HasSubstr("not an address"));
}

TEST_F(AccessTest, TokenServices) {
  registry().make("team/app", "latest");
  registry().auth({{"kind", "bearer"}, {"user", "tim"}, {"password", "secret"}, {"anonymous", true}});
  Output anonymous = pull(image());
  ASSERT_EQ(anonymous.code, 0) << anonymous;
  forget(image());
  registry().auth({{"kind", "bearer"}, {"user", "tim"}, {"password", "secret"}});
  EXPECT_THAT(pull(image()).err, HasSubstr("login needed"));
  Output wrong = run({"login", "-u", "tim", "--password-stdin", registry().host()}, "guess");
  EXPECT_EQ(wrong.code, 125);
  EXPECT_THAT(wrong.err, HasSubstr("wrong user or password"));
  ASSERT_EQ(run({"login", "-u", "tim", "--password-stdin", registry().host()}, "secret").code, 0);
  registry().requests();
  ASSERT_EQ(pull(image()).code, 0);
  EXPECT_EQ(count(registry().requests(), "/token"), 1);
  forget(image());
  // Another host is not given the password.
  registry().auth({{"kind", "bearer"},
                   {"user", "tim"},
                   {"password", "secret"},
                   {"realm", "http://" + registry().other() + "/token"}});
  registry().requests();
  EXPECT_THAT(pull(image()).err, HasSubstr("not given the credentials"));
  for (const Json& request : registry().requests())
    if (request["host"] == "127.0.0.2") {
      EXPECT_EQ(request["authorization"], "") << request;
    }
  EXPECT_EQ(run({"logout", registry().host()}).out,
            "Removed login credentials for " + registry().host() + "\n");
  EXPECT_THAT(run({"logout", registry().host()}).out, HasSubstr("Not logged in"));
}

TEST_F(AccessTest, HelpersOfCredentialsAreRefused) {
  registry().make("team/app", "latest");
  const std::string file =
      stage->file("auth.json", R"({"credHelpers":{")" + registry().host() + R"(":"secretservice"}})");
  Output pulled = pull(image(), {"--authfile", file});
  EXPECT_EQ(pulled.code, 1);
  EXPECT_THAT(pulled.err, AllOf(HasSubstr("secretservice"), HasSubstr("helper")));
  EXPECT_THAT(registry().requests(), IsEmpty());
}

TEST_F(AccessTest, Certificates) {
  registry(true).make("team/app", "latest");
  Output unknown = pull(image());
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.err, AllOf(HasSubstr("certificate"), HasSubstr("ca.crt")));
  Output careless = pull(image(), {"--tls-verify=false"});
  ASSERT_EQ(careless.code, 0) << careless;
  forget(image());
  const std::string folder = stage->dir() + "/home/certs/" + registry().host();
  observe("mkdir -p " + folder + " && cp " + registry().dir() + "/cert.pem " + folder + "/ca.crt");
  Output known = pull(image(), {"--cert-dir", stage->dir() + "/home/certs"});
  ASSERT_EQ(known.code, 0) << known;
  forget(image());
  // From TLS to plain HTTP nothing is followed.
  registry().faults({{{"path", "/blobs/"}, {"do", "redirect"}, {"to", "http://" + registry().other()}}});
  EXPECT_THAT(pull(image(), {"--tls-verify=false"}).err, HasSubstr("plain HTTP"));
}

TEST_F(AccessTest, ACertificateForAnotherName) {
  FakeRegistry& served = registry(true);
  served.make("team/app", "latest");
  served.stop();
  make_certificate(served.dir(), "DNS:registry.example.org");
  served.start();
  const std::string certs = stage->dir() + "/home/certs";
  observe("mkdir -p " + certs + "/" + served.host() + " && cp " + served.dir() + "/cert.pem " + certs + "/" +
          served.host() + "/ca.crt");
  Output pulled = pull(image(), {"--cert-dir", certs});
  EXPECT_EQ(pulled.code, 1);
  EXPECT_THAT(pulled.err, AllOf(HasSubstr("certificate"), HasSubstr("127.0.0.1")));
}

TEST_F(AccessTest, RegistriesConf) {
  registry().make("library/short", "latest");
  registry().make("team/app", "latest", "layers=2");
  auto conf = [&](const std::string& text) { stage->file("registries.conf", text); };
  const std::string host = registry().host();
  conf("unqualified-search-registries = [\"" + host + "\"]\n[aliases]\n\"app\" = \"" + host +
       "/team/app\"\n");
  Output alias = pull("app", {"-q"});
  ASSERT_EQ(alias.code, 0) << alias;
  EXPECT_TRUE(is_whole(host + "/team/app", 2));
  registry().requests();
  EXPECT_EQ(run({"run", "--rm", "app", "/number"}).code, 126);
  EXPECT_THAT(registry().requests(), IsEmpty());
  forget(host + "/team/app");
  ASSERT_EQ(pull("library/short", {"-q"}).code, 0);
  EXPECT_TRUE(is_whole(host + "/library/short", 1));
  forget(host + "/library/short");
  // A mirror that is down is left out, one that is up is used.
  conf(
      "[[registry]]\nlocation = \"registry.invalid\"\n[[registry.mirror]]\nlocation = \"127.0.0.1:1\"\n"
      "[[registry.mirror]]\nlocation = \"" +
      host + "\"\ninsecure = true\n");
  Output mirrored = pull("registry.invalid/team/app");
  ASSERT_EQ(mirrored.code, 0) << mirrored;
  EXPECT_TRUE(is_whole("registry.invalid/team/app", 2));
  forget("registry.invalid/team/app");
  conf("[[registry]]\nprefix = \"127.0.0.1:*\"\nblocked = true\n");
  EXPECT_THAT(pull(image()).err, HasSubstr("not a registry's prefix"));
  conf("[[registry]]\nlocation = \"" + host + "\"\nblocked = true\n");
  registry().requests();
  EXPECT_THAT(pull(image()).err, HasSubstr("blocked"));
  EXPECT_THAT(registry().requests(), IsEmpty());
  conf("this is no toml");
  EXPECT_THAT(pull(image()).err, HasSubstr("registries.conf"));
}

}  // namespace
}  // namespace rcrt::test
