// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "core/image_store.h"

namespace rcrt {
namespace {

TEST(Reference, IsReadAsDockerDoes) {
  const std::string digest = "@sha256:" + std::string(64, 'a');
  for (auto [given, full] : std::vector<std::pair<std::string, std::string>>{
           {"busybox", "docker.io/library/busybox:latest"},
           {"busybox:1.36", "docker.io/library/busybox:1.36"},
           {"user/app", "docker.io/user/app:latest"},
           {"docker.io/busybox", "docker.io/library/busybox:latest"},
           {"localhost/x", "localhost/x:latest"},
           {"host:5000/x", "host:5000/x:latest"},
           {"host:5000/x:t", "host:5000/x:t"},
           {"ghcr.io/a/b/c", "ghcr.io/a/b/c:latest"},
           {"busybox" + digest, "docker.io/library/busybox" + digest},
           {"[::1]:5000/x", "[::1]:5000/x:latest"}}) {
    auto got = normalize_reference(given);
    ASSERT_TRUE(got) << given << ": " << got.error().message();
    EXPECT_EQ(*got, full);
    EXPECT_EQ(*normalize_reference(*got), full) << "not stable";
  }
}

TEST(Reference, RefusesWhatNoneCanBe) {
  for (const char* bad : {"", "/", "a/", "/a", "Upper", "a//b", "a:", "a:b:c", "a@sha256:12", "a@md5:00",
                          "..", "a/../b", "a b", "-a", "a---", "a..b", "host:port/x", "a:-t"})
    EXPECT_FALSE(normalize_reference(bad)) << bad;
}

}  // namespace
}  // namespace rcrt
