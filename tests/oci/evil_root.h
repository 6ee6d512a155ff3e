// SPDX-License-Identifier: MIT
// Bundles whose root the test makes evil, and a folder outside of it to be attacked.
#pragma once

#include <filesystem>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {

class EvilRootTest : public OciTest {
 protected:
  // A root of the test's own, to be made evil.
  void SetUp() override {
    OciTest::SetUp();
    if (!stage) return;
    std::filesystem::copy(
        rootfs(), evil(),
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
    std::filesystem::create_directory(outside());
  }
  void TearDown() override {
    OciTest::TearDown();
    if (!stage) return;
    std::filesystem::remove_all(evil());
    std::filesystem::remove_all(outside());
  }
  static std::string evil() { return stage->dir() + "/evil"; }
  static std::string outside() { return stage->dir() + "/outside"; }
  static Json evil_config(const std::string& script) {
    Json spec = config(script);
    spec["root"] = {{"path", evil()}, {"readonly", false}};
    return spec;
  }
  static void replace_by_link(const std::string& name, const std::string& target) {
    std::filesystem::remove_all(evil() + name);
    std::filesystem::create_symlink(target, evil() + name);
  }
};

}  // namespace rcrt::test
