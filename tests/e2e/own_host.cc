// SPDX-License-Identifier: MIT
#include "tests/e2e/own_host.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace rcrt::test {
namespace {

std::string problem;

int ended(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

// Where cgroup v2 is mounted; empty when nowhere.
std::string cgroup_mount() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string source, target, type;
    words >> source >> target >> type;
    if (type == "cgroup2") return target;
  }
  return {};
}

bool fail(const std::string& what) {
  problem = what + ": " + strerror(errno);
  return false;
}

bool move_in(const std::string& cgroup) {
  std::ofstream procs(cgroup + "/cgroup.procs");
  if (!cgroup.empty() && !(procs << getpid() << std::flush)) return fail("cannot enter " + cgroup);
  if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWUTS) != 0)
    return fail("cannot make namespaces");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return fail("cannot make / private");
  return true;
}

bool mount_own(bool cgroup) {
  if (mount("proc", "/proc", "proc", 0, nullptr) != 0) return fail("cannot mount /proc");
  if (mount("sysfs", "/sys", "sysfs", 0, nullptr) != 0) return fail("cannot mount /sys");
  if (cgroup && mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, nullptr) != 0)
    return fail("cannot mount cgroup2");
  return true;
}

// Reaps everything until `child` ends; its exit code.
int reap_until(pid_t child) {
  for (int status;;)
    if (pid_t pid = wait(&status); pid == child || pid < 0) return pid < 0 ? 125 : ended(status);
}

void remove_cgroups(const std::string& top) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(top, ignored))
    if (entry.is_directory()) remove_cgroups(entry.path());
  rmdir(top.c_str());
}

}  // namespace

const std::string& own_host_problem() { return problem; }

int in_own_host(const std::function<int()>& body) {
  std::string cgroup = cgroup_mount();
  if (!cgroup.empty()) cgroup += "/e2e-test-" + std::to_string(getpid());
  if (!cgroup.empty() && mkdir(cgroup.c_str(), 0755) != 0) cgroup.clear();
  pid_t outer = fork();
  if (outer == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!move_in(cgroup)) _exit(body());
    pid_t init = fork();
    if (init == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      bool ready = mount_own(!cgroup.empty());
      pid_t child = fork();
      if (child == 0) exit(body());
      (void)ready;
      _exit(reap_until(child));
    }
    _exit(reap_until(init));
  }
  int status = 0;
  while (waitpid(outer, &status, 0) < 0 && errno == EINTR) {
  }
  // The namespace's processes are gone from the cgroup a moment after its init.
  for (int tries = 0; !cgroup.empty() && tries < 200 && std::filesystem::exists(cgroup); ++tries) {
    remove_cgroups(cgroup);
    usleep(10'000);
  }
  return ended(status);
}

}  // namespace rcrt::test
