// SPDX-License-Identifier: MIT
// Pulling from a registry that behaves, and from one that does not.
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <fstream>

#include "tests/registry/registry_stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class PullTest : public RegistryTest {
 protected:
  // How many requests of the list have a path with this in it.
  static int count(const std::vector<Json>& requests, const std::string& part) {
    return static_cast<int>(std::ranges::count_if(requests, [&](const Json& r) {
      return r["path"].get<std::string>().find(part) != std::string::npos;
    }));
  }
  void expect_nothing_registered(const std::string& before) {
    EXPECT_THAT(run({"images"}).out, Not(HasSubstr("127.0.0.1")));
    // No name, no layer and no blob; a partial one may stay for the next try.
    std::string now = store_files();
    std::string kept;
    std::istringstream lines(now);
    for (std::string line; std::getline(lines, line);)
      if (!line.starts_with("partial/")) kept += line + "\n";
    EXPECT_EQ(kept, before);
  }
  std::string image(const std::string& tag = "latest") { return registry().host() + "/team/app:" + tag; }
  // The sizes of what is on its way.
  static std::string partial() {
    return observe("find " + stage->root() + "/partial -type f -printf ' %s\\n' 2>/dev/null");
  }
  void forget(const std::string& name) { EXPECT_EQ(run({"rmi", name}).code, 0); }
};

TEST_F(PullTest, AnImageIsPulledKeptAndUsable) {
  const std::string digest = registry().make("team/app", "latest", "layers=3");
  Output pulled = pull(image());
  ASSERT_EQ(pulled.code, 0) << pulled;
  EXPECT_EQ(pulled.out, registry().config(digest) + "\n");
  EXPECT_THAT(pulled.err, AllOf(HasSubstr("done"), HasSubstr("pulled")));
  EXPECT_TRUE(is_whole(image(), 3));
  EXPECT_THAT(run({"images", "--digests"}).out, AllOf(HasSubstr("team/app"), HasSubstr(digest)));
  // Documents are kept byte for byte.
  EXPECT_EQ(observe("cmp " + registry().dir() + "/blobs/" + digest.substr(7) + " " + stage->root() +
                    "/images/blobs/sha256/" + digest.substr(7)),
            "");
  registry().requests();
  Output again = pull(image());
  EXPECT_EQ(again.code, 0) << again;
  EXPECT_THAT(again.err, HasSubstr("up to date"));
  EXPECT_EQ(count(registry().requests(), registry().layers(digest)[0]), 0);
  // Its parts are shared with another name.
  registry().make("team/app", "other", "layers=4 seed=latest");
  EXPECT_EQ(pull(image("other")).code, 0);
  auto requests = registry().requests();
  EXPECT_EQ(count(requests, registry().layers(digest)[2]), 0);
  EXPECT_TRUE(is_whole(image("other"), 4));
  forget(image("other"));
  EXPECT_TRUE(is_whole(image(), 3));
  // By digest.
  const std::string by_digest = registry().host() + "/team/app@" + digest;
  Output second = pull(by_digest, {"-q"});
  EXPECT_EQ(second.code, 0) << second;
  EXPECT_EQ(second.err, "");
  EXPECT_TRUE(is_whole(by_digest, 3));
  forget(image());
  forget(by_digest);
}

TEST_F(PullTest, ZstdAndPlainLayers) {
  for (const char* kind : {"zstd", "tar"}) {
    if (kind == std::string("zstd") && !have_program("zstd")) continue;
    registry().make("team/app", kind, std::string("layers=2 kind=") + kind);
    Output pulled = pull(image(kind));
    EXPECT_EQ(pulled.code, 0) << pulled;
    EXPECT_TRUE(is_whole(image(kind), 2));
    forget(image(kind));
  }
}

TEST_F(PullTest, ProgressAsJson) {
  registry().make("team/app", "latest", "layers=2");
  Output pulled = pull(image(), {"--progress=json"});
  ASSERT_EQ(pulled.code, 0) << pulled;
  EXPECT_EQ(pulled.err, "");
  std::istringstream lines(pulled.out);
  int done = 0, images = 0;
  for (std::string line; std::getline(lines, line);) {
    Json event = Json::parse(line, nullptr, false);
    ASSERT_TRUE(event.is_object()) << line;
    if (event["event"] == "blob" && event["state"] == "done") {
      ++done;
      EXPECT_EQ(event["current"], event["total"]);
    }
    images += event["event"] == "image";
  }
  EXPECT_EQ(done, 2);
  EXPECT_EQ(images, 1);
  forget(image());
}

TEST_F(PullTest, PlatformsOfAnIndex) {
  registry().make("team/app", "amd", "layers=1");
  registry().make("team/app", "arm6", "layers=2 arch=arm");
  registry().make("team/app", "arm7", "layers=3 arch=arm");
  const std::string digest =
      registry().index("team/app", "latest", "amd=linux/amd64 arm6=linux/arm/v6 arm7=linux/arm/v7");
  ASSERT_EQ(pull(image()).code, 0);
  EXPECT_TRUE(is_whole(image(), 1));
  ASSERT_EQ(pull(image(), {"--platform=linux/arm/v6"}).code, 0);
  EXPECT_TRUE(is_whole(image(), 2));
  ASSERT_EQ(pull(image(), {"--platform=linux/arm"}).code, 0);
  EXPECT_TRUE(is_whole(image(), 3));
  Output none = pull(image(), {"--platform=linux/s390x"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.err, AllOf(HasSubstr("no image for linux/s390x"), HasSubstr("linux/arm/v7")));
  // The index's own digest names the image too.
  const std::string by_digest = registry().host() + "/team/app@" + digest;
  ASSERT_EQ(pull(by_digest).code, 0);
  EXPECT_TRUE(is_whole(by_digest, 1));
  forget(by_digest);
  forget(image());
}

TEST_F(PullTest, AllTags) {
  for (const char* tag : {"one", "two", "three"}) registry().make("team/app", tag);
  Output pulled = pull(registry().host() + "/team/app", {"--all-tags", "-q"});
  ASSERT_EQ(pulled.code, 0) << pulled;
  EXPECT_EQ(std::ranges::count(pulled.out, '\n'), 3);
  for (const char* tag : {"one", "two", "three"}) {
    EXPECT_TRUE(is_whole(image(tag), 1)) << tag;
    forget(image(tag));
  }
}

TEST_F(PullTest, RunPullsWhatIsMissing) {
  registry().make("team/app", "latest");
  Output never = run({"run", "--rm", "--pull=never", image(), "/number"});
  EXPECT_EQ(never.code, 125);
  EXPECT_THAT(never.err, HasSubstr("no such image"));
  EXPECT_THAT(registry().requests(), IsEmpty());
  // There is nothing to execute in it: what counts is that it gets so far.
  Output missing = run({"run", "--rm", "-q", image(), "/number"});
  EXPECT_EQ(missing.code, 126) << missing;
  registry().requests();
  EXPECT_EQ(run({"run", "--rm", image(), "/number"}).code, 126);
  EXPECT_THAT(registry().requests(), IsEmpty());
  EXPECT_EQ(run({"run", "--rm", "--pull=always", image(), "/number"}).code, 126);
  EXPECT_EQ(count(registry().requests(), "/manifests/latest"), 1);
  EXPECT_EQ(run({"run", "--rm", "--pull=sometimes", image()}).code, 125);
  forget(image());
}

TEST_F(PullTest, BrokenConnectionsAreGoneOnWith) {
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

TEST_F(PullTest, BusyRegistriesAreAskedAgain) {
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

TEST_F(PullTest, WrongContentIsNeverKept) {
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
  registry().faults({});
  EXPECT_EQ(pull(image()).code, 0);
  EXPECT_TRUE(is_whole(image(), 2));
  forget(image());
}

TEST_F(PullTest, WhatIsNoContainerImageIsRefused) {
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

TEST_F(PullTest, RedirectsAreFollowedWithoutCredentials) {
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

TEST_F(PullTest, TokenServices) {
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

TEST_F(PullTest, HelpersOfCredentialsAreRefused) {
  registry().make("team/app", "latest");
  const std::string file =
      stage->file("auth.json", R"({"credHelpers":{")" + registry().host() + R"(":"secretservice"}})");
  Output pulled = pull(image(), {"--authfile", file});
  EXPECT_EQ(pulled.code, 1);
  EXPECT_THAT(pulled.err, AllOf(HasSubstr("secretservice"), HasSubstr("helper")));
  EXPECT_THAT(registry().requests(), IsEmpty());
}

TEST_F(PullTest, Certificates) {
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

TEST_F(PullTest, RegistriesConf) {
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

TEST_F(PullTest, TwoPullsFetchALayerOnce) {
  const std::string digest = registry().make("team/app", "latest", "layers=3 size=300000");
  const std::string second = registry().make("team/app", "second", "layers=4 size=300000 seed=latest");
  registry().faults({{{"path", registry().layers(digest)[0]}, {"do", "hold"}, {"after", 1000}}});
  auto first = stage->start({"pull", image()});
  ASSERT_TRUE(eventually([&] { return partial().find(" 1000\n") != std::string::npos; }));
  auto other = stage->start({"pull", image("second")});
  ASSERT_TRUE(eventually([&] { return count(registry().requests(), registry().layers(second)[3]) > 0; }));
  registry().let_go();
  Output one = first->finish(), two = other->finish();
  EXPECT_EQ(one.code, 0) << one;
  EXPECT_EQ(two.code, 0) << two;
  std::ifstream log(registry().dir() + "/log");
  const std::string text(std::istreambuf_iterator<char>(log), {});
  for (const std::string& layer : registry().layers(second)) {
    const size_t at = text.find(layer);
    EXPECT_NE(at, text.npos);
    EXPECT_EQ(text.find(layer, at + 1), text.npos) << layer << " was fetched twice";
  }
  EXPECT_TRUE(is_whole(image(), 3));
  EXPECT_TRUE(is_whole(image("second"), 4));
  forget(image());
  forget(image("second"));
}

TEST_F(PullTest, AKilledPullIsGoneOnWith) {
  const std::string digest = registry().make("team/app", "latest", "size=500000");
  const std::string layer = registry().layers(digest)[0], before = store_files();
  registry().faults({{{"path", layer}, {"do", "hold"}, {"after", 200000}, {"times", 1}}});
  auto killed = stage->start({"pull", image()});
  ASSERT_TRUE(eventually([&] { return partial().find(" 200000\n") != std::string::npos; }));
  killed->signal(SIGKILL);
  killed->finish();
  EXPECT_THAT(run({"images"}).out, Not(HasSubstr("127.0.0.1")));
  registry().requests();
  EXPECT_EQ(pull(image()).code, 0);
  bool asked = false;
  for (const Json& request : registry().requests()) asked |= request["range"] == "bytes=200000-";
  EXPECT_TRUE(asked);
  EXPECT_TRUE(is_whole(image(), 1));
  registry().let_go();
  forget(image());
  // What was left is damaged: it is fetched anew.
  const std::string partial = stage->root() + "/partial/" + layer.substr(7);
  std::ofstream(partial) << std::string(3000, 'x');
  EXPECT_EQ(pull(image()).code, 0);
  EXPECT_TRUE(is_whole(image(), 1));
  forget(image());
}

TEST_F(PullTest, AFullDiskIsOneErrorAndNothingIsRegistered) {
  registry().make("team/app", "latest", "size=8000000");
  const std::string small = stage->dir() + "/small";
  observe("mkdir -p " + small + " && mount -t tmpfs -o size=4m tmpfs " + small);
  Output pulled = run({"--root", small + "/root", "pull", image()});
  EXPECT_EQ(pulled.code, 1);
  EXPECT_THAT(pulled.err, HasSubstr("No space left on device"));
  EXPECT_THAT(run({"--root", small + "/root", "images"}).out, Not(HasSubstr("127.0.0.1")));
  EXPECT_EQ(observe("find " + small + "/root/layers " + small + "/root/images/blobs -mindepth 2 -type f"),
            "");
  // There is room again at once.
  EXPECT_EQ(observe("head -c 2000000 /dev/zero >" + small + "/room"), "");
  observe("umount " + small + "; rmdir " + small);
}

}  // namespace
}  // namespace rcrt::test
