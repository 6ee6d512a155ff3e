// SPDX-License-Identifier: MIT
// Killed at every step, an import leaves the old image or the new one, and can be repeated.
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "core/image_store.h"
#include "tests/images/image_plugin.h"

namespace rcrt::testing {
namespace {

namespace fs = std::filesystem;
constexpr const char* kPlugin = "plugins/image-oci/faults/image-oci.so";

// Runs one call in a process that kills itself at fault point `at`; true if it was killed.
bool killed_at(int at, bool prune, const nlohmann::json& request) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("RCRT_FAULT_AT", std::to_string(at).c_str(), 1);
    const rcrt_image_v1* image = load_image_plugin(kPlugin);
    if (image == nullptr) ::_exit(2);
    sdk::FakeHost host;
    ::_exit(host.call(prune ? image->prune : image->import, request) == 0 ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) {
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    return true;
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return false;
}

class Faults : public ImageTest {
 protected:
  nlohmann::json request(const std::string& version) {
    const std::string source = base + "/" + version;
    // Once: the same version is the same image.
    if (fs::create_directories(source)) std::ofstream(source + "/version") << version;
    return {{"root", root}, {"source", source}, {"name", "victim"}, {"created", "2020-01-01T00:00:00Z"}};
  }
  // The version of the image that is there, "" when there is none; whatever it is, it is whole.
  std::string version() {
    auto found = ImageStore(root).resolve("victim");
    if (!found) {
      EXPECT_EQ(found.error().code, ENOENT) << found.error().message();
      return "";
    }
    std::string text;
    std::ifstream(root + "/layers/" + found->layers.at(0) + "/version") >> text;
    EXPECT_NE(text, "");
    const std::string out = base + "/out";
    EXPECT_EQ(host.call(load_image_plugin(kPlugin)->unpack,
                        {{"root", root}, {"name", found->name}, {"directory", out}}),
              0)
        << said();
    EXPECT_TRUE(fs::exists(out + "/version"));
    EXPECT_TRUE(remove_tree(out.c_str()));
    return text;
  }
};

TEST_F(Faults, ImportIntoNothing) {
  int at = 1;
  for (; killed_at(at, false, request("one")); ++at) {
    SCOPED_TRACE(at);
    const std::string there = version();
    EXPECT_TRUE(there.empty() || there == "one") << there;
    ASSERT_FALSE(killed_at(1 << 20, false, request("one")));
    EXPECT_EQ(version(), "one");
    ASSERT_TRUE(remove_tree(root.c_str()));
  }
  EXPECT_GT(at, 10);
}

TEST_F(Faults, ImportOverAnOlderImageThenPrune) {
  ASSERT_FALSE(killed_at(1 << 20, false, request("one")));
  for (int at = 1;; ++at) {
    SCOPED_TRACE(at);
    const std::string next = at % 2 ? "two" : "one", before = at % 2 ? "one" : "two";
    const bool killed = killed_at(at, false, request(next));
    const std::string there = version();
    EXPECT_TRUE(there == next || (killed && there == before)) << there;
    if (!killed) break;
    ASSERT_FALSE(killed_at(1 << 20, false, request(next)));
    EXPECT_EQ(version(), next);
  }
  // The other version has lost its name and is still there.
  const ImageStore store(root);
  const auto entries = store.list();
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 2u);
  for (const ImageEntry& entry : *entries) {
    if (entry.key.empty()) {
      ASSERT_TRUE(store.forget(entry.id));
    }
  }
  const std::string last = version();
  for (int at = 1; killed_at(at, true, nlohmann::json{{"root", root}}); ++at) {
    SCOPED_TRACE(at);
    EXPECT_EQ(version(), last);
  }
  EXPECT_EQ(version(), last);
  EXPECT_TRUE(fs::is_empty(root + "/incoming"));
  // index.json names one image: its manifest, configuration and layer are all that is left.
  EXPECT_EQ(std::distance(fs::directory_iterator(root + "/images/blobs/sha256"), fs::directory_iterator()),
            3);
  EXPECT_EQ(std::distance(fs::directory_iterator(root + "/layers/l"), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace rcrt::testing
