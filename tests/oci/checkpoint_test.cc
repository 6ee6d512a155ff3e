// SPDX-License-Identifier: MIT
// checkpoint and restore where CRIU cannot do it: one line, and nothing has changed.
// tests/vm/checkpoint.sh has a machine on which it can.
#include <filesystem>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

class Checkpoint : public OciTest {
 protected:
  static std::string images() { return stage->dir() + "/images"; }
  static Output checkpoint(const std::string& criu, const std::vector<std::string>& options = {}) {
    std::vector<std::string> args = {"--criu", criu, "checkpoint", "--image-path", images()};
    args.insert(args.end(), options.begin(), options.end());
    args.push_back("c1");
    return oci(args);
  }
  static Output restore(const std::string& criu, const std::string& bundle) {
    return oci({"--criu", criu, "restore", "--detach", "--image-path", images(), "--bundle", bundle, "c1"});
  }
  void start(const std::string& script) {
    ASSERT_EQ(create("c1", config(script)).code, 0);
    ASSERT_EQ(oci({"start", "c1"}).code, 0);
  }
  void TearDown() override {
    oci({"delete", "--force", "c1"});
    std::filesystem::remove_all(images());
    OciTest::TearDown();
  }
};

void expect_error(const Output& output, const std::string& error) {
  EXPECT_EQ(output.code, 1) << output;
  EXPECT_EQ(output.err, "rcrt-oci: " + error + "\n");
}

TEST_F(Checkpoint, WithoutCriuNothingChanges) {
  start("sleep 100");
  expect_error(checkpoint("no-criu-here"),
               "no program in PATH is called \"no-criu-here\": no such file or directory; "
               "install the package criu, or name the program with --criu");
  expect_error(checkpoint("/no/criu/here"),
               "cannot execute criu \"/no/criu/here\": no such file or directory; "
               "install the package criu, or name the program with --criu");
  EXPECT_EQ(status("c1"), "running");
  EXPECT_FALSE(std::filesystem::exists(images()));
}

TEST_F(Checkpoint, RestoreWithoutCriuMakesNothing) {
  expect_error(restore("no-criu-here", bundle_of("true")),
               "no program in PATH is called \"no-criu-here\": no such file or directory; "
               "install the package criu, or name the program with --criu");
  EXPECT_EQ(oci({"state", "c1"}).code, 1);
}

TEST_F(Checkpoint, ACriuThatEndsLeavesTheContainerRunning) {
  start("sleep 100");
  expect_error(checkpoint("/bin/true"),
               "cannot checkpoint container \"c1\": criu ended without an answer; "
               "`criu check` says what is missing");
  EXPECT_EQ(status("c1"), "running");
  EXPECT_FALSE(std::filesystem::exists(images()));
}

TEST_F(Checkpoint, OnlyARunningContainerIsWritten) {
  ASSERT_EQ(create("c1", config("sleep 100")).code, 0);
  expect_error(checkpoint("/bin/true"), "container cannot be checkpointed in created state \"c1\"");
  expect_error(oci({"checkpoint", "c2"}), "container does not exist \"c2\": no such file or directory");
}

TEST_F(Checkpoint, OneThatReportsToAServiceManagerIsNotWritten) {
  setenv("NOTIFY_SOCKET", (stage->dir() + "/manager").c_str(), 1);
  const Output created = create("c1", config("sleep 100"));
  unsetenv("NOTIFY_SOCKET");
  ASSERT_EQ(created.code, 0) << created;
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  expect_error(checkpoint("/bin/true"),
               "cannot checkpoint a container that was created for a service manager \"c1\"; "
               "create it without NOTIFY_SOCKET");
  EXPECT_EQ(status("c1"), "running");
}

TEST_F(Checkpoint, OnlyACheckpointIsRestored) {
  std::filesystem::create_directory(images());
  Output output = restore("/bin/true", bundle_of("true"));
  EXPECT_EQ(output.code, 1);
  EXPECT_TRUE(output.err.starts_with("rcrt-oci: not a checkpoint of a container \"" + images() + "\": "))
      << output;
  EXPECT_EQ(oci({"state", "c1"}).code, 1);
}

TEST_F(Checkpoint, WrongOptionsAreRefused) {
  start("sleep 100");
  expect_error(checkpoint("/bin/true", {"--parent-path", "/tmp"}),
               "--parent-path must be relative \"/tmp\": invalid argument; it is meant from --image-path");
  expect_error(checkpoint("/bin/true", {"--empty-ns", "ipc"}),
               "namespace is not supported \"ipc\": invalid argument; use network");
  expect_error(
      checkpoint("/bin/true", {"--manage-cgroups-mode", "some"}),
      "invalid manage-cgroups-mode value \"some\": invalid argument; use soft, full, strict or ignore");
  expect_error(checkpoint("/bin/true", {"--page-server", "host"}),
               "invalid value for --page-server \"host\": invalid argument; give ADDRESS:PORT");
  expect_error(checkpoint("/bin/true", {"--status-fd", "77"}),
               "invalid --status-fd \"77\": bad file descriptor");
  EXPECT_EQ(status("c1"), "running");
  EXPECT_FALSE(std::filesystem::exists(images()));
}

}  // namespace
}  // namespace rcrt::test
