// SPDX-License-Identifier: MIT
// Mounts, devices, masks.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/launch/container.h"

namespace rcrt::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
class Root : public EarlyOrLate {};
INSTANTIATE_TEST_SUITE_P(, Root, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Early" : "Late"; });

TEST_P(Root, MountsAndTheirOptions) {
  std::string mounts = shell("cat /proc/mounts");
  EXPECT_THAT(mounts, HasSubstr("proc /proc proc rw,nosuid,nodev,noexec,relatime"));
  EXPECT_THAT(mounts, HasSubstr("tmpfs /dev tmpfs rw,nosuid,size=65536k,mode=755"));
  EXPECT_THAT(mounts,
              HasSubstr("devpts /dev/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666"));
  EXPECT_THAT(mounts, HasSubstr("shm /dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k"));
  EXPECT_THAT(mounts, HasSubstr("mqueue /dev/mqueue mqueue rw,nosuid,nodev,noexec,relatime"));
  EXPECT_THAT(mounts, HasSubstr("sysfs /sys sysfs ro,nosuid,nodev,noexec,relatime"));
  EXPECT_THAT(mounts, HasSubstr("proc /proc/sys proc ro,"));
  // Nothing of the machine's own tree is left: root, six mounts, masks and read-only paths.
  EXPECT_THAT(mounts, Not(HasSubstr("/tmp/rcrt")));
  EXPECT_THAT(mounts, Not(HasSubstr("unified")));
}

TEST_P(Root, EveryCpuOfOursAndOurPolicy) {
  // While it was made the process was kept off ours, and its maker's policy was another.
  cpu_set_t ours;
  ASSERT_EQ(0, sched_getaffinity(0, sizeof ours, &ours));
  const std::string policy = "cut -d' ' -f41 /proc/self/stat";
  EXPECT_EQ(std::to_string(CPU_COUNT(&ours)) + "\n0\n", shell("nproc; " + policy));
  // Those of a caller who has fewer.
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  ASSERT_EQ(0, sched_setaffinity(0, sizeof one, &one));
  const sched_param none = {};
  ASSERT_EQ(0, sched_setscheduler(0, SCHED_BATCH, &none));
  EXPECT_EQ("1\n" + std::to_string(SCHED_BATCH) + "\n", shell("nproc; " + policy));
  ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &none));
  ASSERT_EQ(0, sched_setaffinity(0, sizeof ours, &ours));
}

TEST_P(Root, BindsOfFoldersFilesAndSockets) {
  mkdir((folder() + "/data").c_str(), 0755);
  mkdir((folder() + "/data/below").c_str(), 0755);
  ASSERT_EQ(0, mount("t", (folder() + "/data/below").c_str(), "tmpfs", 0, nullptr));
  write_file(folder() + "/data/below/deep", "deep\n");
  write_file(folder() + "/file", "content\n");
  int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  strncpy(address.sun_path, (folder() + "/sock").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(0, bind(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
  Json config = spec({"sh", "-c",
                      "cat /a/below/deep; ls /b/below; touch /a/x && echo written; touch /c/x 2>&1; "
                      "touch /c/below/x 2>&1; touch /d/below/x && echo only the top is read-only; "
                      "cat /etc/f; test -S /run/s && echo socket"});
  config["mounts"].push_back({{"destination", "/a"}, {"source", folder() + "/data"}, {"options", {"rbind"}}});
  config["mounts"].push_back({{"destination", "/b"}, {"type", "bind"}, {"source", folder() + "/data"}});
  config["mounts"].push_back(
      {{"destination", "/c"}, {"source", folder() + "/data"}, {"options", {"rbind", "rro"}}});
  config["mounts"].push_back(
      {{"destination", "/d"}, {"source", folder() + "/data"}, {"options", {"rbind", "ro"}}});
  config["mounts"].push_back(
      {{"destination", "/etc/f"}, {"source", folder() + "/file"}, {"options", {"bind", "ro"}}});
  config["mounts"].push_back(
      {{"destination", "/run/s"}, {"source", folder() + "/sock"}, {"options", {"bind"}}});
  Outcome outcome = run(config);
  EXPECT_EQ("", outcome.error);
  EXPECT_EQ(
      "deep\nwritten\ntouch: /c/x: Read-only file system\ntouch: /c/below/x: Read-only file system\n"
      "only the top is read-only\ncontent\nsocket\n",
      outcome.out);
  close(socket_fd);
  umount2((folder() + "/data/below").c_str(), MNT_DETACH);
}

TEST_P(Root, MissingBindSourceIsNamed) {
  Json config = spec({"true"});
  config["mounts"].push_back({{"destination", "/a"}, {"source", "/no/such"}, {"options", {"bind"}}});
  EXPECT_EQ("cannot bind the source of mounts[6] \"/no/such\": No such file or directory", run(config).error);
}

TEST_P(Root, MountsDoNotReachTheMachine) {
  // A shared source: what the container mounts below must not come back.
  mkdir((folder() + "/data").c_str(), 0755);
  ASSERT_EQ(0, mount("t", (folder() + "/data").c_str(), "tmpfs", 0, nullptr));
  ASSERT_EQ(0, mount(nullptr, (folder() + "/data").c_str(), nullptr, MS_SHARED, nullptr));
  mkdir((folder() + "/data/sub").c_str(), 0755);
  std::string before = read_file("/proc/self/mountinfo");
  Json config = spec({"sh", "-c", "mount -t tmpfs x /a/sub && grep -c /a/sub /proc/mounts"});
  config["mounts"].push_back({{"destination", "/a"}, {"source", folder() + "/data"}, {"options", {"rbind"}}});
  config["process"]["capabilities"]["effective"].push_back("CAP_SYS_ADMIN");
  config["process"]["capabilities"]["permitted"].push_back("CAP_SYS_ADMIN");
  config["process"]["capabilities"]["bounding"].push_back("CAP_SYS_ADMIN");
  Outcome outcome = run(config);
  EXPECT_EQ("1\n", outcome.out);
  EXPECT_EQ(before, read_file("/proc/self/mountinfo"));
  umount2((folder() + "/data").c_str(), MNT_DETACH);
}

TEST_P(Root, ReadOnly) {
  Json config = spec({"sh", "-c", "touch /x 2>&1; touch /dev/shm/x && echo shm"});
  config["root"]["readonly"] = true;
  EXPECT_EQ("touch: /x: Read-only file system\nshm\n", run(config).out);
}

TEST_P(Root, TmpfsKeepsModeAndCopiesUp) {
  mkdir((root() + "/state").c_str(), 0750);
  mkdir((root() + "/state/sub").c_str(), 0701);
  write_file(root() + "/state/sub/f", "copied\n", 0640);
  ASSERT_EQ(0, symlink("sub/f", (root() + "/state/link").c_str()));
  Json config =
      spec({"sh", "-c",
            "cat /state/link; stat -c %a /state /state/sub /state/sub/f; touch /state/new; ls /state"});
  config["mounts"].push_back({{"destination", "/state"},
                              {"type", "tmpfs"},
                              {"source", "tmpfs"},
                              {"options", {"nosuid", "tmpcopyup"}}});
  EXPECT_EQ("copied\n750\n701\n640\nlink\nnew\nsub\n", run(config).out);
  struct stat status;
  EXPECT_NE(0, stat((root() + "/state/new").c_str(), &status));
}

TEST_P(Root, Devices) {
  Json config =
      spec({"sh", "-c",
            "stat -c '%n %F %t:%T %a' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "
            "/dev/mine; stat -c '%u %g' /dev/mine; for l in fd stdin stdout stderr ptmx core; do readlink "
            "/dev/$l; done; echo x > /dev/null && head -c 2 /dev/zero | wc -c"});
  config["linux"]["devices"].push_back({{"path", "/dev/mine"},
                                        {"type", "c"},
                                        {"major", 1},
                                        {"minor", 300},
                                        {"fileMode", 0640},
                                        {"uid", 7},
                                        {"gid", 8}});
  EXPECT_EQ(
      "/dev/null character special file 1:3 666\n/dev/zero character special file 1:5 666\n"
      "/dev/full character special file 1:7 666\n/dev/random character special file 1:8 666\n"
      "/dev/urandom character special file 1:9 666\n/dev/tty character special file 5:0 666\n"
      "/dev/mine character special file 1:12c 640\n7 8\n"
      "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n/proc/kcore\n2\n",
      run(config).out);
}

TEST_P(Root, MaskedAndReadonlyPaths) {
  write_file(root() + "/etc/secret", "secret\n");
  mkdir((root() + "/hidden").c_str(), 0755);
  write_file(root() + "/hidden/f", "secret\n");
  Json config = spec({"sh", "-c",
                      "cat /etc/secret; ls /hidden; touch /hidden/x 2>&1; echo 1 > /proc/sys/kernel/msgmax; "
                      "touch /etc/x 2>&1; wc -c < /proc/timer_list; ls /sys/firmware | wc -l"});
  config["linux"]["maskedPaths"].push_back("/etc/secret");
  config["linux"]["maskedPaths"].push_back("/hidden");
  config["linux"]["maskedPaths"].push_back("/no/such");
  config["linux"]["readonlyPaths"].push_back("/etc");
  EXPECT_EQ(
      "touch: /hidden/x: Read-only file system\nsh: can't create /proc/sys/kernel/msgmax: Read-only file "
      "system\n"
      "touch: /etc/x: Read-only file system\n0\n0\n",
      run(config).out);
  EXPECT_EQ("secret\n", read_file(root() + "/etc/secret"));
}

TEST_P(Root, CgroupMountShowsTheContainersOwn) {
  Json config =
      spec({"sh", "-c", "cat /proc/self/cgroup | grep ^0:; test -f /cg/cgroup.procs && echo there"});
  config["mounts"].push_back({{"destination", "/cg"}, {"type", "cgroup"}, {"options", {"ro", "nosuid"}}});
  EXPECT_EQ("0::/\nthere\n", run(config).out);
}

// What an image or a volume may have prepared.

TEST_P(Root, ProcAsSymlinkIsRefused) {
  mkdir((root() + "/elsewhere").c_str(), 0755);
  ASSERT_EQ(0, symlink("elsewhere", (root() + "/proc").c_str()));
  Outcome outcome = run(spec({"true"}));
  EXPECT_EQ(125, outcome.exit_code);
  EXPECT_THAT(outcome.error, HasSubstr("cannot prepare the mount point \"/proc\""));
  unlink((root() + "/proc").c_str());
  ASSERT_EQ(0, symlink("elsewhere", (root() + "/sys").c_str()));
  EXPECT_THAT(run(spec({"true"})).error, HasSubstr("cannot prepare the mount point \"/sys\""));
}

TEST_P(Root, SymlinksCreateNothingOutside) {
  std::string outside = folder() + "/outside";
  mkdir(outside.c_str(), 0755);
  // Absolute, through "..", dangling, for the folder and for the last part.
  ASSERT_EQ(0, symlink(outside.c_str(), (root() + "/absolute").c_str()));
  ASSERT_EQ(0, symlink("../outside", (root() + "/dots").c_str()));
  ASSERT_EQ(0, symlink("/../../../../../../tmp/rcrt-dangling/x", (root() + "/dangling").c_str()));
  write_file(folder() + "/file", "content\n");
  Json config = spec({"sh", "-c", "cat /absolute/new/f /dots/f /dangling"});
  for (const char* target : {"/absolute/new/f", "/dots/f", "/dangling"})
    config["mounts"].push_back(
        {{"destination", target}, {"source", folder() + "/file"}, {"options", {"bind"}}});
  Outcome outcome = run(config);
  EXPECT_EQ("", outcome.error);
  EXPECT_EQ("content\ncontent\ncontent\n", outcome.out);
  EXPECT_EQ(0, rmdir(outside.c_str())) << "something was created outside the root";
  EXPECT_NE(0, access("/tmp/rcrt-dangling", F_OK));
}

TEST_P(Root, SwappedMountTargetStaysInside) {
  // A volume another container shares: a folder that becomes a link to the outside, and back.
  std::string outside = folder() + "/outside";
  mkdir(outside.c_str(), 0755);
  mkdir((folder() + "/volume").c_str(), 0755);
  mkdir((folder() + "/volume/dir").c_str(), 0755);
  ASSERT_EQ(0, symlink(outside.c_str(), (folder() + "/volume/link").c_str()));
  std::string one = folder() + "/volume/dir", two = folder() + "/volume/link";
  pid_t swapper = fork();
  if (swapper == 0) {
    for (;;) renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, two.c_str(), RENAME_EXCHANGE);
  }
  std::string before = read_file("/proc/self/mountinfo");
  for (int i = 0; i < 30; ++i) {
    Json config = spec({"true"});
    config["mounts"].push_back(
        {{"destination", "/v"}, {"source", folder() + "/volume"}, {"options", {"rbind"}}});
    config["mounts"].push_back({{"destination", "/v/dir/new"}, {"type", "tmpfs"}, {"source", "tmpfs"}});
    run(config);  // may fail when the swap comes at a bad moment; must not reach outside
  }
  kill(swapper, SIGKILL);
  waitpid(swapper, nullptr, 0);
  EXPECT_EQ(before, read_file("/proc/self/mountinfo"));
  EXPECT_EQ(0, rmdir(outside.c_str())) << "something was created outside the root";
}

TEST_P(Root, DevAsSymlinkLeavesTheMachinesAlone) {
  std::string victim = folder() + "/victim";
  mkdir(victim.c_str(), 0755);
  ASSERT_EQ(0, symlink(victim.c_str(), (root() + "/dev").c_str()));
  run(spec({"true"}));
  EXPECT_EQ(0, rmdir(victim.c_str())) << "a device was made outside the root";
}

TEST_P(Root, FakeNullDoesNotDefeatMasking) {
  // No tmpfs on /dev: the image's own files there would be used.
  mkdir((root() + "/dev").c_str(), 0755);
  write_file(root() + "/etc/secret", "secret\n");
  write_file(root() + "/dev/null", "fake\n");
  Json config = spec({"sh", "-c", "cat /etc/secret; cat /dev/null"});
  config["mounts"].erase(4);
  config["mounts"].erase(3);
  config["mounts"].erase(2);
  config["mounts"].erase(1);
  config["linux"]["maskedPaths"].push_back("/etc/secret");
  Outcome outcome = run(config);
  EXPECT_EQ("", outcome.error);
  EXPECT_EQ("", outcome.out);
  EXPECT_EQ("fake\n", read_file(root() + "/dev/null"));
}

TEST_P(Root, WorkingDirectoryByDescriptorIsRefused) {
  for (int fd = 0; fd < 12; ++fd) {
    Json config = spec({"pwd"});
    config["process"]["cwd"] = "/proc/self/fd/" + std::to_string(fd);
    LaunchRequest request = this->request(config);
    UniqueFd machine(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    request.stdio[0] = machine.get();
    Outcome outcome = run(std::move(request));
    EXPECT_EQ(125, outcome.exit_code) << fd;
    EXPECT_THAT(outcome.error, HasSubstr("cannot change to the working directory"));
  }
}

TEST_P(Root, ProcSelfExeCannotChangeTheMonitor) {
  std::string before = read_file(monitor_path());
  // The command is the monitor itself: it has nothing to do there.
  EXPECT_EQ(125, run(spec({"/proc/self/exe"})).exit_code);
  // With init, process 1 executes the monitor's file; root of the container tries to write it.
  Json config = spec({"sh", "-c", "echo spoilt > /proc/1/exe"});
  for (const char* set : {"bounding", "effective", "permitted"})
    config["process"]["capabilities"][set].push_back("CAP_SYS_PTRACE");
  LaunchRequest request = this->request(config);
  request.init = true;
  Outcome outcome = run(std::move(request));
  EXPECT_THAT(outcome.out, HasSubstr("can't create /proc/1/exe"));
  EXPECT_EQ(before, read_file(monitor_path()));
}

}  // namespace
}  // namespace rcrt::test
