// SPDX-License-Identifier: MIT
// rcrt-oci as installed, and bundles to try it on. The test's process is the subreaper an
// engine would be: containers that are created become its children.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/e2e/stage.h"

namespace rcrt::test {

class OciTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;  // no container is left, and nothing of one

  // A configuration that runs `sh -c SCRIPT` without a terminal.
  static Json config(const std::string& script);
  // Writes it as the bundle's config.json; the bundle's folder.
  static std::string bundle(const Json& config);
  static std::string bundle_of(const std::string& script) { return bundle(config(script)); }
  static std::string root() { return stage->dir() + "/oci"; }
  static std::string rootfs() { return stage->dir() + "/rootfs"; }

  static std::vector<std::string> command(const std::vector<std::string>& args);
  // Runs rcrt-oci with pipes; not for what leaves a container behind that holds them.
  static Output oci(const std::vector<std::string>& args, const std::string& input = {});
  // Runs it with files as its streams: what the container writes later is in container_out().
  static Output oci_apart(const std::vector<std::string>& args, const std::string& tar = {});
  static std::string container_out();
  static std::string container_err();

  static Output run(const Json& config, const std::vector<std::string>& options = {});
  static Output run_script(const std::string& script) { return run(config(script)); }
  // The first error of a run that must not start.
  static std::string refused(const Json& config);
  // The same, and the error names the member's path, its value and what is allowed.
  static void expect_invalid(const Json& config, const std::string& path, const std::string& shown,
                             const std::string& allowed);

  static Output create(const std::string& id, const Json& config);
  static std::string status(const std::string& id);
  static pid_t pid(const std::string& id);
  // Waits for the container's process as its subreaper; 128 and the signal when one ended it.
  static int wait_for(pid_t pid);
  static std::string leftovers();

  static inline std::unique_ptr<Stage> stage;
};

std::string contents(const std::string& path);

}  // namespace rcrt::test
