// SPDX-License-Identifier: MIT
// What a push asks of a registry: pieces of large blobs, and blobs of other repositories taken over.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "tests/registry/registry_stage.h"

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr size_t kPiece = 64 << 20, kRest = 6'000'000;

class PushTest : public RegistryTest {
 protected:
  static std::vector<Json> of_method(const std::vector<Json>& requests, const std::string& method) {
    std::vector<Json> found;
    std::ranges::copy_if(requests, std::back_inserter(found),
                         [&](const Json& request) { return request["method"] == method; });
    return found;
  }
  // An image with one layer of more than a piece, which nothing makes smaller.
  static void make_large(const std::string& name) {
    const std::string source = stage->dir() + "/large";
    fs::create_directories(source);
    observe("head -c " + std::to_string(kPiece + kRest) + " /dev/urandom >" + source + "/file");
    Output imported = run({"import", "-q", source, name});
    ASSERT_EQ(imported.code, 0) << imported;
    fs::remove_all(source);
  }
  static std::vector<std::string> ranges(const std::vector<Json>& requests) {
    std::vector<std::string> found;
    for (const Json& request : of_method(requests, "PATCH"))
      found.push_back(request["content_range"].get<std::string>());
    return found;
  }
};

TEST_F(PushTest, LargeBlobsGoInPieces) {
  const std::string name = registry().host() + "/team/large";
  make_large(name);
  Output pushed = run({"push", name});
  ASSERT_EQ(pushed.code, 0) << pushed;
  const auto requests = registry().requests();
  const auto pieces = of_method(requests, "PATCH");
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(pieces[0]["content_range"], "0-" + std::to_string(kPiece - 1));
  EXPECT_EQ(pieces[0]["length"], kPiece);
  const size_t size = kPiece + pieces[1]["length"].get<size_t>();
  EXPECT_EQ(pieces[1]["content_range"], std::to_string(kPiece) + "-" + std::to_string(size - 1));
  // The small configuration in one request; the manifest last.
  const auto puts = of_method(requests, "PUT");
  ASSERT_EQ(puts.size(), 3u);
  EXPECT_THAT(puts.back()["path"].get<std::string>(), HasSubstr("/manifests/latest"));
  EXPECT_EQ(std::ranges::count(puts, 0, [](const Json& put) { return put["length"].get<int>(); }), 1)
      << "what ends the pieces";

  // A connection that breaks within a piece: on with what has not arrived.
  ASSERT_EQ(run({"tag", name, registry().host() + "/team/again"}).code, 0);
  fs::remove_all(registry().dir() + "/plan.json");
  registry().stop();
  registry().start();
  registry().faults({{{"path", "/uploads/"}, {"method", "PATCH"}, {"do", "cut"}, {"times", 1}}});
  const std::string again = registry().host() + "/team/again";
  pushed = run({"push", name, again});
  ASSERT_EQ(pushed.code, 0) << pushed;
  EXPECT_THAT(ranges(registry().requests()),
              ElementsAre("0-" + std::to_string(kPiece - 1),
                          std::to_string(1 << 20) + "-" + std::to_string((1 << 20) + kPiece - 1),
                          std::to_string((1 << 20) + kPiece) + "-" + std::to_string(size - 1)));
  EXPECT_EQ(run({"image", "prune", "-a", "-f"}).code, 0);
  EXPECT_EQ(pull(again, {"-q"}).code, 0);
  EXPECT_EQ(run({"image", "prune", "-a", "-f"}).code, 0);
}

// What others have attached to an image (signatures, bills of materials) is theirs: it is neither
// asked for nor written, and the image goes out as it came in.
TEST_F(PushTest, ReferrersAreLeftAlone) {
  const std::string digest = registry().make("team/app", "latest");
  ASSERT_EQ(pull(image()).code, 0);
  Output pushed = run({"push", image(), registry().host() + "/other/app"});
  ASSERT_EQ(pushed.code, 0) << pushed;
  const auto requests = registry().requests();
  EXPECT_FALSE(requests.empty());
  for (const Json& request : requests) {
    const auto path = request["path"].get<std::string>();
    EXPECT_EQ(path.find("/referrers/"), std::string::npos) << path;
    EXPECT_EQ(path.find("/manifests/sha256-"), std::string::npos) << path;
  }
  ASSERT_EQ(pull(registry().host() + "/other/app", {"-q"}).code, 0);
  EXPECT_THAT(run({"image", "inspect", registry().host() + "/other/app"}).out, HasSubstr(digest));
  forget(image());
  forget(registry().host() + "/other/app");
}

TEST_F(PushTest, BlobsOfAnotherRepositoryAreTakenOver) {
  registry().make("team/app", "latest", "layers=2");
  ASSERT_EQ(pull(image()).code, 0);
  (void)registry().requests();
  Output pushed = run({"push", image(), registry().host() + "/other/app"});
  ASSERT_EQ(pushed.code, 0) << pushed;
  const auto requests = registry().requests();
  const auto posts = of_method(requests, "POST");
  EXPECT_EQ(posts.size(), 3u);
  for (const Json& post : posts) {
    EXPECT_THAT(post["path"].get<std::string>(), HasSubstr("/v2/other/app/blobs/uploads/?mount=sha256"));
    EXPECT_THAT(post["path"].get<std::string>(), HasSubstr("from=team%2Fapp"));
  }
  EXPECT_TRUE(of_method(requests, "PATCH").empty());
  EXPECT_EQ(of_method(requests, "PUT").size(), 1u) << "the manifest";
  EXPECT_THAT(pushed.err, HasSubstr("taken over from another repository"));
  // Of a repository that has them no more, nothing can be taken over.
  fs::remove(registry().dir() + "/plan.json");
  pushed = run({"push", image(), registry().host() + "/third/app"});
  ASSERT_EQ(pushed.code, 0) << pushed;
  EXPECT_EQ(of_method(registry().requests(), "PUT").size(), 4u);
  forget(image());
}

}  // namespace
}  // namespace rcrt::test
