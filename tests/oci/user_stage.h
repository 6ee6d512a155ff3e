// SPDX-License-Identifier: MIT
// A user of the test's machine alone, who is not root: with a home, a runtime folder, and ids in
// /etc/subuid and /etc/subgid.
#pragma once

#include <string>
#include <vector>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {

class UserTest : public OciTest {
 protected:
  static constexpr int kFirst = 300000, kCount = 65536;  // what the user may map

  static void SetUpTestSuite();
  void TearDown() override;  // no container is left

  static std::string home() { return stage->dir() + "/home"; }  // with a rootfs, the user's own
  static std::string left();                                    // of the user's containers
  static Output shell(const std::string& script);               // run by root

  // What runs a command as the user, and its environment.
  static std::vector<std::string> as_user(const std::vector<std::string>& words);
  static std::vector<std::string> environment(const std::string& path = "/usr/bin:/bin");
  static std::vector<std::string> program(std::vector<std::string> args);  // rcrt-oci ARGS
  static Output user(const std::vector<std::string>& args, const std::string& input = {});
  // The same with files for its streams: home()/out and home()/err.
  static Output user_apart(const std::vector<std::string>& args);
};

}  // namespace rcrt::test
