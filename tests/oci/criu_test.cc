// SPDX-License-Identifier: MIT
// What is said to CRIU, and what is read of its log and of a container's mounts.
#include "core/oci/criu.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/oci/checkpoint.h"
#include "core/oci/container_mounts.h"
#include "core/oci/mount_points.h"

namespace rcrt::oci {
namespace {

TEST(CriuRequest, SaysWhatWasPutIn) {
  CriuRequest request(CRIU__TYPE__RESTORE);
  RCRT_CRIU_SET(request.options(), shell_job, 1);
  request.options().images_dir_fd = 7;
  for (int i = 0; i < 20; ++i) request.add_mount("/in/" + std::to_string(i), "/out");
  request.add_inherited_fd("pipe:[12]", 1);
  request.add_external("net[5]:extRootNetNS");
  request.add_cgroup_root("", "/group");
  request.join_namespace("ipc", "/proc/1/ns/ipc");
  ASSERT_TRUE(set_choices({.cgroup_mode = "strict", .page_server = "[::1]:99"}, request));
  std::string bytes = request.bytes();
  Criu__Request* read =
      criu__request__unpack(nullptr, bytes.size(), reinterpret_cast<const uint8_t*>(bytes.data()));
  ASSERT_NE(read, nullptr);
  const Criu__Options& options = *read->options;
  EXPECT_EQ(read->type, CRIU__TYPE__RESTORE);
  EXPECT_TRUE(options.has_shell_job && options.shell_job);
  EXPECT_FALSE(options.has_leave_running);
  EXPECT_EQ(options.images_dir_fd, 7);
  ASSERT_EQ(options.n_mounts, 20u);
  EXPECT_STREQ(options.mounts[19]->key, "/in/19");
  EXPECT_STREQ(options.mounts[19]->value, "/out");
  EXPECT_STREQ(options.inherited_fds[0]->key, "pipe:[12]");
  EXPECT_STREQ(options.external[0], "net[5]:extRootNetNS");
  EXPECT_STREQ(options.cgroup_roots[0]->path, "/group");
  EXPECT_STREQ(options.joined_namespaces[0]->file, "/proc/1/ns/ipc");
  EXPECT_EQ(options.cgroup_mode, CRIU__CGROUP_MODE__STRICT);
  EXPECT_STREQ(options.page_server->address, "::1");
  EXPECT_EQ(options.page_server->port, 99);
  criu__request__free_unpacked(read, nullptr);
}

TEST(CriuRequest, BadPageServers) {
  CriuRequest request(CRIU__TYPE__DUMP);
  for (const char* text : {"host", ":5", "host:", "host:0", "host:65536", "host:5x"})
    EXPECT_FALSE(set_choices({.page_server = text}, request)) << text;
}

TEST(CriuLog, TheLastErrorThatSaysWhy) {
  EXPECT_EQ(last_error("(00.1) Dumping\n(00.2) Error (criu/net.c:3): no lock\n(00.3) Unlock\n"
                       "(00.4) Error (criu/cr-dump.c:2053): Dumping FAILED.\n"),
            "Error (criu/net.c:3): no lock");
  EXPECT_EQ(last_error("(00.1) fine\n"), "");
}

TEST(ContainerMounts, PointsAreReadWithTheirEscapes) {
  ContainerMounts mounts = parse_container_mounts(
      "21 1 0:20 / / rw - overlay overlay rw\n"
      "36 21 0:32 /some /a\\040b\\134 rw,relatime master:1 - tmpfs tmpfs rw\nnonsense\n");
  EXPECT_EQ(mounts.points, (std::vector<std::string>{"/", "/a b\\"}));
  EXPECT_EQ(mounts.ids, (std::set<int>{21, 36}));
}

TEST(OutsideMounts, AreBindsAndDevices) {
  Json config = {{"mounts",
                  {{{"type", "tmpfs"}, {"destination", "/tmp"}, {"source", "tmpfs"}},
                   {{"destination", "/data"}, {"source", "/srv"}, {"options", {"rbind", "ro"}}}}},
                 {"linux", {{"devices", {{{"path", "/dev/fuse"}, {"type", "c"}}}}}}};
  auto list = outside_mounts(config);
  auto has = [&](const std::string& destination, const std::string& source) {
    return std::ranges::any_of(
        list, [&](const auto& one) { return one.destination == destination && one.source == source; });
  };
  EXPECT_TRUE(has("/data", "/srv"));
  EXPECT_TRUE(has("/dev/fuse", "/dev/fuse"));
  EXPECT_TRUE(has("/dev/null", "/dev/null"));
  EXPECT_FALSE(has("/tmp", "tmpfs"));
}

TEST(MountPoints, AreMadeInTheRootAndNowhereElse) {
  std::string folder = std::string(getenv("TEST_TMPDIR")) + "/points", root = folder + "/root";
  std::filesystem::create_directories(root);
  std::filesystem::create_symlink("../../out", root + "/link");
  std::ofstream(folder + "/file");
  Json config = {{"mounts",
                  {{{"type", "proc"}, {"destination", "/proc"}},
                   {{"type", "bind"}, {"source", folder + "/file"}, {"destination", "/etc/file"}},
                   {{"type", "bind"}, {"source", folder}, {"destination", "/link/deep"}},
                   {{"type", "tmpfs"}, {"destination", "/run"}},
                   {{"type", "tmpfs"}, {"destination", "/run/below"}}}}};
  ASSERT_TRUE(make_mount_points(config, root));
  EXPECT_TRUE(std::filesystem::is_directory(root + "/proc"));
  EXPECT_TRUE(std::filesystem::is_regular_file(root + "/etc/file"));
  EXPECT_TRUE(std::filesystem::is_directory(root + "/out/deep"));
  EXPECT_FALSE(std::filesystem::exists(folder + "/out"));
  EXPECT_TRUE(std::filesystem::is_directory(root + "/run"));
  EXPECT_FALSE(std::filesystem::exists(root + "/run/below"));
}

}  // namespace
}  // namespace rcrt::oci
