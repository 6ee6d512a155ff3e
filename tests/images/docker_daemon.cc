// SPDX-License-Identifier: MIT
#include "tests/images/docker_daemon.h"

#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>

namespace rcrt::test {
namespace {

constexpr char kDaemon[] = "/usr/sbin/dockerd";

}  // namespace

bool DockerDaemon::is_installed() {
  return access(kDaemon, X_OK) == 0 && std::system("command -v docker >/dev/null") == 0;
}

DockerDaemon::DockerDaemon(const std::string& dir) : data_(dir + "/docker-data") {
  EXPECT_EQ(::mount("tmpfs", "/run", "tmpfs", 0, nullptr), 0);
  const std::string socket = "unix://" + dir + "/docker.sock";
  client_ = "docker --host " + socket + " ";
  process_ = std::make_unique<Process>(
      std::vector<std::string>{kDaemon, "--data-root", data_, "--exec-root", dir + "/docker-exec",
                               "--pidfile", dir + "/docker.pid", "--host", socket, "--storage-driver", "vfs",
                               "--ip-forward=false", "--iptables=false", "--ip6tables=false", "--bridge",
                               "none", "--log-level", "fatal"},
      std::vector<std::string>{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"});
  EXPECT_TRUE(eventually([&] { return std::system((client_ + "version >/dev/null 2>&1").c_str()) == 0; }));
}

DockerDaemon::~DockerDaemon() {
  process_->signal(SIGTERM);
  process_->finish();
  // dockerd binds it to itself, and leaves it so where the root is a folder of its file system.
  ::umount2(data_.c_str(), MNT_DETACH);
  ::umount2("/run", MNT_DETACH);
}

}  // namespace rcrt::test
