// SPDX-License-Identifier: MIT
// Pulling from a registry that behaves.
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
  // The sizes of what is on its way.
  static std::string partial() {
    return observe("find " + stage->root() + "/partial -type f -printf ' %s\\n' 2>/dev/null");
  }
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

TEST_F(PullTest, PlatformsOfDockersList) {
  registry().make("team/app", "amd", "layers=1 format=docker");
  registry().make("team/app", "arm", "layers=2 format=docker arch=arm64");
  registry().index("team/app", "latest", "amd=linux/amd64 arm=linux/arm64/v8");
  ASSERT_EQ(pull(image()).code, 0);
  EXPECT_TRUE(is_whole(image(), 1));
  ASSERT_EQ(pull(image(), {"--platform=linux/arm64"}).code, 0);
  EXPECT_TRUE(is_whole(image(), 2));
  forget(image());
}

TEST_F(PullTest, SoManyLayersAtATimeAndNoMore) {
  const std::string digest = registry().make("team/app", "latest", "layers=6 size=20000");
  std::vector<Json> holds;
  for (const std::string& layer : registry().layers(digest))
    holds.push_back({{"path", layer}, {"do", "hold"}, {"after", 1000}});
  registry().faults(holds);
  auto pulling = stage->start({"pull", "--parallel=2", image()});
  ASSERT_TRUE(eventually([] { return partial() == " 1000\n 1000\n"; })) << partial();
  registry().let_go();
  Output pulled = pulling->finish();
  EXPECT_EQ(pulled.code, 0) << pulled;
  int most = 0;
  for (const Json& request : registry().requests()) most = std::max(most, request["running"].get<int>());
  EXPECT_EQ(most, 2);
  EXPECT_TRUE(is_whole(image(), 6));
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

TEST_F(PullTest, CreatePullsAsRunDoes) {
  registry().make("team/app", "latest");
  EXPECT_EQ(run({"create", "--pull=never", image(), "/number"}).code, 125);
  EXPECT_THAT(registry().requests(), IsEmpty());
  Output created = run({"create", "-q", "--name", "first", image(), "/number"});
  EXPECT_EQ(created.code, 0) << created;
  EXPECT_EQ(count(registry().requests(), "/manifests/latest"), 1);
  EXPECT_EQ(run({"create", "--pull=missing", "--name", "second", image(), "/number"}).code, 0);
  EXPECT_THAT(registry().requests(), IsEmpty());
  EXPECT_EQ(run({"create", "-q", "--pull=always", "--name", "third", image(), "/number"}).code, 0);
  EXPECT_EQ(count(registry().requests(), "/manifests/latest"), 1);
  EXPECT_EQ(run({"rm", "first", "second", "third"}).code, 0);
  forget(image());
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
  const std::string layer = registry().layers(digest)[0];
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
