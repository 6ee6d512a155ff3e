// SPDX-License-Identifier: MIT
#include "tests/oci/engine.h"

#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

namespace rcrt::test {

Daemon::Daemon(const std::string& command, const std::vector<std::string>& environment, std::string log,
               int end_signal)
    : process_({"/bin/sh", "-c", "exec " + command + " >>" + log + " 2>&1"}, environment),
      log_(std::move(log)),
      end_signal_(end_signal) {}

Daemon::~Daemon() {
  process_.signal(end_signal_);
  process_.finish();
}

bool Daemon::wait_until(const std::function<bool()>& ready) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(90);
  while (std::chrono::steady_clock::now() < end) {
    if (ready()) return true;
    usleep(100'000);
  }
  ADD_FAILURE() << "the daemon does not answer:\n" << contents(log_);
  return false;
}

void EngineTest::SetUpTestSuite() {
  OciTest::SetUpTestSuite();
  if (!stage) return;
  std::filesystem::create_directory(folder());
  ASSERT_EQ(mount("tmpfs", "/run", "tmpfs", 0, "mode=755"), 0);
  // podman wants to unmount what is below /sys: nothing of the machine's is hidden there.
  while (umount2("/sys", MNT_DETACH) == 0) continue;
  ASSERT_EQ(mount("sysfs", "/sys", "sysfs", 0, nullptr), 0);
  ASSERT_EQ(mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, nullptr), 0);
  environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + folder(), "RCRT_ROOT=" + stage->root()};
}

void EngineTest::TearDownTestSuite() {
  if (stage) umount2("/run", MNT_DETACH);
  OciTest::TearDownTestSuite();
}

Output EngineTest::shell(const std::string& script) {
  Process process({"/bin/sh", "-c", script}, environment);
  return process.finish();
}

std::string EngineTest::out(const std::string& script) {
  Output output = shell(script);
  EXPECT_EQ(output.code, 0) << script << "\n" << output;
  return output.out;
}

}  // namespace rcrt::test
