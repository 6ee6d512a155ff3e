// SPDX-License-Identifier: MIT
#include "core/oci/systemd_scope.h"

#include <gtest/gtest.h>

namespace rcrt::oci {
namespace {

TEST(SystemdScope, OfThePathsThatEnginesGive) {
  auto scope = systemd_scope("machine.slice:libpod:abc", "abc");
  ASSERT_TRUE(scope);
  EXPECT_EQ(scope->slice, "machine.slice");
  EXPECT_EQ(scope->unit, "libpod-abc.scope");
  EXPECT_EQ(scope->cgroup, "/machine.slice/libpod-abc.scope");
  EXPECT_EQ(systemd_scope("system.slice:docker:1", "1")->cgroup, "/system.slice/docker-1.scope");
  EXPECT_EQ(systemd_scope("kubepods-burstable-pod1.slice:cri-containerd:2", "2")->cgroup,
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-2.scope");
}

TEST(SystemdScope, WhatIsLeftOut) {
  EXPECT_EQ(systemd_scope("", "one")->cgroup, "/system.slice/rcrt-oci-one.scope");
  EXPECT_EQ(systemd_scope(":docker:1", "1")->cgroup, "/system.slice/docker-1.scope");
  EXPECT_EQ(systemd_scope("-.slice::1", "1")->cgroup, "/1.scope");
}

TEST(SystemdScope, BadOnesNameThePath) {
  for (const char* path : {"/a/b", "a.slice:b", "a.slice:b:c:d", "a:b:c", "a/b.slice:c:d", "..slice:a:b",
                           "a--b.slice:c:d", "-a.slice:c:d", "a-.slice:c:d", ".slice:c:d",
                           "a.slice:b:", "a.slice:b:../c", "a.slice:b/c:d", "a.slice: :d"}) {
    auto scope = systemd_scope(path, "id");
    ASSERT_FALSE(scope) << path << " is " << scope->cgroup;
    EXPECT_NE(scope.error().message().find("linux.cgroupsPath"), std::string::npos)
        << scope.error().message();
  }
}

}  // namespace
}  // namespace rcrt::oci
