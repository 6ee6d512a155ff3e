// SPDX-License-Identifier: MIT
// Images that other people's tools have made, on a machine of the test's own.
#pragma once

#include <map>
#include <string>

#include "tests/e2e/stage.h"
#include "tests/images/tree_look.h"

namespace rcrt::test {

class ForeignTest : public StageTest {
 protected:
  static void SetUpTestSuite();
  void TearDown() override;

  static std::string path(const std::string& name) { return stage->dir() + "/" + name; }
  static std::string layout() { return path("layout"); }  // with ":x", an image of path("base")
  static void shell(const std::string& command);          // has to succeed
  static void insert(const std::string& image, const std::string& from, const std::string& to);
  static void copy(const std::string& options, const std::string& from, const std::string& to);
  static std::map<std::string, std::string> unpacked_by_umoci(const std::string& from);
  static std::map<std::string, std::string> unpacked_by_us(const std::string& image);
  // What an image is to umoci it is to us, unpacked and mounted.
  static void compare(const std::string& source, const std::string& layout_of_it);

  static inline std::string buildah, podman;
};

}  // namespace rcrt::test
