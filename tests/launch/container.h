// SPDX-License-Identifier: MIT
// A container for one test: a root made of the machine's static busybox, in a private
// mount namespace and a temporary folder.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/launcher.h"

namespace rcrt::test {

// The test's own mount namespace and folder; gone with the process and with the object.
class LaunchTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  void SetUp() override;
  void TearDown() override;

  // A configuration like the engine's: all namespaces but user and time, the usual mounts.
  Json spec(std::vector<std::string> args) const;
  LaunchRequest request(Json spec);
  UniqueFd open_root() const;  // a detached mount of root()

  const std::string& folder() const { return folder_; }
  std::string root() const { return folder_ + "/root"; }
  std::string exit_path() const { return folder_ + "/exit.json"; }

  struct Outcome {
    ExitRecord exit;
    std::string out;    // stdout and stderr
    std::string error;  // of commit or go; empty when it started
    int exit_code = 0;  // of the error, else of the process
  };
  // Runs it to its end and tells the monitor that nothing is left to clean up.
  Outcome run(Json spec);
  Outcome run(LaunchRequest request);
  // The output of `sh -c script` in the usual container.
  std::string shell(const std::string& script);

  static std::string monitor_path();

  // The process is made, with what can be made of its mounts, before its plan is there.
  bool early_ = false;

 private:
  std::string folder_;
};

// With the process made early, as the engine has it, and by the plan alone.
class EarlyOrLate : public LaunchTest, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    LaunchTest::SetUp();
    early_ = GetParam();
  }
};

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text, int mode = 0644);

}  // namespace rcrt::test
