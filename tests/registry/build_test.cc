// SPDX-License-Identifier: MIT
// The README's example: buildah builds with rcrt-oci and pushes, rcrt pulls and runs.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/registry/real_registry.h"
#include "tests/registry/registry_stage.h"

namespace rcrt::test {
namespace {

class BuildTest : public RegistryTest {
 protected:
  static Output shell(const std::string& script) {
    const std::string folder = stage->dir() + "/build";
    Process process({"/bin/sh", "-ec", script},
                    {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + folder, "RCRT_ROOT=" + stage->root(),
                     "CONTAINERS_STORAGE_CONF=" + folder + "/storage.conf",
                     "CONTAINERS_CONF=" + folder + "/containers.conf"});
    return process.finish();
  }
  void SetUp() override {
    for (const char* program : {"buildah", "docker-registry"})
      if (!have_program(program)) GTEST_SKIP() << program << " is not installed";
    RegistryTest::SetUp();
    if (!stage) return;
    folder_ = stage->dir() + "/build";
    std::filesystem::create_directory(folder_);
    std::ofstream(folder_ + "/storage.conf") << "[storage]\ndriver = \"vfs\"\nrunroot = \"" << folder_
                                             << "/run\"\ngraphroot = \"" << folder_ << "/graph\"\n";
    // Nothing that needs a controller of the cgroups or a higher limit.
    std::ofstream(folder_ + "/containers.conf")
        << "[engine]\ncgroup_manager = \"cgroupfs\"\n[containers]\npids_limit = 0\ndefault_ulimits = "
           "[\"nofile=1024:1024\", \"nproc=10000:10000\"]\n";
  }
  void TearDown() override {
    if (stage && !folder_.empty()) {
      EXPECT_EQ(shell("buildah rm -a; buildah rmi -a -f").code, 0);
      std::error_code ignored;
      std::filesystem::remove_all(folder_, ignored);
      std::filesystem::remove_all(stage->dir() + "/real", ignored);
    }
    RegistryTest::TearDown();
  }

  std::string folder_;
};

TEST_F(BuildTest, BuiltByBuildahRunByRcrt) {
  RealRegistry registry(stage->dir() + "/real", false, RegistryAuth::none);
  ASSERT_EQ(run({"unpack", "busybox", folder_ + "/root"}).code, 0);
  std::ofstream(folder_ + "/Containerfile")
      << "FROM scratch\nADD root /\nRUN echo \"made by process $$\" >/made && rm /bin/vi\n"
         "CMD [\"cat\", \"/made\"]\n";
  Output built = shell("buildah bud --isolation oci --runtime " + stage->dir() +
                       "/p/bin/rcrt-oci --network none -t app " + folder_);
  ASSERT_EQ(built.code, 0) << built;
  const std::string name = registry.host() + "/team/app";
  Output pushed = shell("buildah push --tls-verify=false app docker://" + name);
  ASSERT_EQ(pushed.code, 0) << pushed;
  Output ran = run({"run", "--rm", "-q", name});
  EXPECT_EQ(ran.code, 0) << ran;
  EXPECT_EQ(ran.out, "made by process 1\n");
  EXPECT_EQ(run({"run", "--rm", name, "test", "-e", "/bin/vi"}).code, 1);
  forget(name);
}

}  // namespace
}  // namespace rcrt::test
