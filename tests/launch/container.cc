// SPDX-License-Identifier: MIT
#include "tests/launch/container.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace rcrt::test {
namespace {
constexpr unsigned long kPrivate = 1 << 18;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text, int mode) {
  std::ofstream(path, std::ios::binary) << text;
  chmod(path.c_str(), static_cast<mode_t>(mode));
}

std::string LaunchTest::monitor_path() { return std::filesystem::absolute("monitor/rcrt-monitor").string(); }

void LaunchTest::SetUpTestSuite() {
  static bool done = false;
  if (done) return;
  done = true;
  ASSERT_EQ(0, unshare(CLONE_NEWNS)) << "these tests need root";
  mount_attr attributes = {};
  attributes.propagation = kPrivate;
  ASSERT_EQ(0, syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof attributes));
}

void LaunchTest::SetUp() {
  char name[] = "/tmp/rcrt-launch-XXXXXX";
  ASSERT_NE(nullptr, mkdtemp(name));
  folder_ = name;
  chmod(name, 0755);
  for (const char* sub : {"/root", "/root/bin", "/root/etc", "/root/tmp", "/work"})
    ASSERT_EQ(0, mkdir((folder_ + sub).c_str(), 0755));
  std::filesystem::copy_file("/bin/busybox", root() + "/bin/busybox");
  for (const char* applet :
       {"sh",     "cat",  "ls",   "true", "false",    "echo",  "id",    "stat", "sleep",
        "mount",  "grep", "wc",   "head", "hostname", "touch", "mkdir", "dd",   "readlink",
        "tty",    "stty", "ps",   "kill", "env",      "pwd",   "test",  "sed",  "date",
        "printf", "awk",  "tail", "ln",   "rm",       "sort",  "find"})
    ASSERT_EQ(0, symlink("busybox", (root() + "/bin/" + applet).c_str()));
}

void LaunchTest::TearDown() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Json LaunchTest::spec(std::vector<std::string> args) const {
  static const char* const kCapabilities[] = {
      "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
      "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
      "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
      "CAP_KILL",    "CAP_AUDIT_WRITE"};
  Json spec = Json::parse(R"({
    "ociVersion": "1.2.0",
    "process": {"cwd": "/", "env": ["PATH=/bin:/usr/bin", "HOME=/root"], "noNewPrivileges": true,
                "user": {"uid": 0, "gid": 0}},
    "root": {"path": "root"},
    "hostname": "box",
    "mounts": [
      {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
      {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
       "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
      {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
       "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
      {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
       "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
      {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
      {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}
    ],
    "linux": {
      "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
                     {"type": "cgroup"}],
      "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware"],
      "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    }
  })");
  spec["process"]["args"] = args;
  for (const char* set : {"bounding", "effective", "permitted"})
    spec["process"]["capabilities"][set] = kCapabilities;
  return spec;
}

UniqueFd LaunchTest::open_root() const {
  return UniqueFd(static_cast<int>(
      syscall(SYS_open_tree, AT_FDCWD, root().c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
}

LaunchRequest LaunchTest::request(Json spec) {
  LaunchRequest request;
  request.id = "test";
  request.spec = std::move(spec);
  request.root = open_root();
  request.work_dir = folder_ + "/work";
  request.exit_path = exit_path();
  return request;
}

LaunchTest::Outcome LaunchTest::run(Json spec) { return run(request(std::move(spec))); }

LaunchTest::Outcome LaunchTest::run(LaunchRequest request) {
  Outcome outcome;
  auto failed = [&](const Error& error) {
    outcome.error = error.message();
    outcome.exit_code = error.exit_code;
    return outcome;
  };
  std::string path = folder_ + "/output";
  UniqueFd output(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  for (int stream : {1, 2})
    if (request.stdio[stream] < 0) request.stdio[stream] = output.get();
  auto launcher = Launcher::start(monitor_path(), early_ ? CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS : 0);
  if (!launcher) return failed(launcher.error());
  if (early_) {
    if (auto cloned = launcher->clone(request.spec, request.cgroup.get()); !cloned)
      return failed(cloned.error());
  }
  auto process = launcher->commit(std::move(request));
  if (!process) {
    launcher->cleaned_up();
    return failed(process.error());
  }
  if (auto gone = launcher->go(); !gone) {
    launcher->cleaned_up();
    return failed(gone.error());
  }
  auto exit = launcher->wait();
  if (!exit) return failed(exit.error());
  launcher->cleaned_up();
  outcome.exit = *exit;
  outcome.exit_code = exit->exit_code;
  outcome.out = read_file(path);
  return outcome;
}

std::string LaunchTest::shell(const std::string& script) {
  Outcome outcome = run(spec({"sh", "-c", script}));
  EXPECT_EQ("", outcome.error);
  return outcome.out;
}

}  // namespace rcrt::test
