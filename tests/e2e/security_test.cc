// SPDX-License-Identifier: MIT
// Attacks on `run` that have worked on container runtimes, each seen to fail here. The
// table of all of them is in docs/SECURITY.md.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/e2e/spy.h"
#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class SecurityTest : public StageTest {
 protected:
  static std::string hashes() {
    return observe("cd " + stage->dir() + "/p && find . -type f | sort | xargs sha256sum");
  }
  static pid_t process(const std::string& name) { return stage->inspect(name)["State"].value("Pid", -1); }
  // A directory to be run as it is, from the embedded image.
  static std::string rootfs(const std::string& name) {
    std::string path = stage->dir() + "/" + name;
    EXPECT_EQ(run({"unpack", "busybox", path}).code, 0);
    return path;
  }
};

void expect_refused(const Output& output, const std::string& says) {
  EXPECT_EQ(output.code, 125) << output;
  EXPECT_THAT(output.err, AllOf(StartsWith("rcrt: "), HasSubstr(says)));
}

// CVE-2019-5736: the image's command is the runtime itself, by /proc/self/exe or as an
// interpreter, and what runs then writes to it.
TEST_F(SecurityTest, ProgramsOfOursCannotBeRewritten) {
  std::string before = hashes(), root = rootfs("exe");
  std::ofstream(root + "/script") << "#!/proc/self/exe\n";
  chmod((root + "/script").c_str(), 0755);
  ASSERT_EQ(symlink("/proc/self/exe", (root + "/link").c_str()), 0);
  for (const char* command : {"/proc/self/exe", "/script", "/link", "/proc/1/exe"}) {
    Output output = run({"--storage=dir", "run", "--rm", root, command, "version"});
    EXPECT_NE(output.code, 0) << command << output;
    EXPECT_EQ(output.out, "") << command;
  }
  const char* kSpoil =
      "for i in $(seq 100); do for f in /proc/[0-9]*/exe; do echo spoilt >$f; done; done 2>/dev/null; echo "
      "done";
  EXPECT_EQ(sh({}, kSpoil).out, "done\n");
  EXPECT_EQ(sh({"--init", "--cap-add=SYS_PTRACE"}, kSpoil).out, "done\n");
  EXPECT_EQ(hashes(), before);
}

// CVE-2024-21626: a descriptor of the host leads out of the container.
TEST_F(SecurityTest, NoDescriptorOfTheCallerIsInherited) {
  std::vector<std::string> command = {
      "/bin/sh",        "-c",  "exec 7</ 8</proc/self/ns/mnt 9</etc; exec \"$0\" \"$@\"",
      stage->program(), "run", "--rm",
      "busybox",        "ls",  "/proc/self/fd"};
  Output output =
      Process(command, {"PATH=/usr/bin:/bin", "RCRT_ROOT=" + stage->root(), "RCRT_STATE=" + stage->state()})
          .finish();
  EXPECT_EQ(output.out, "0\n1\n2\n3\n") << output;  // 3 is the folder that is read
  output = box({"--init"}, {"ls", "/proc/1/fd"});
  EXPECT_EQ(output.out, "0\n1\n2\n") << output;
}

// CVE-2016-9962: a process of the container looks into the one that is about to join it.
TEST_F(SecurityTest, WhoIsJoiningCannotBeLookedInto) {
  ASSERT_EQ(run({"run", "-d", "--name", "spying", "busybox", "sleep", "1000"}).code, 0);
  {
    Spy spy(process("spying"));
    for (int i = 0; i < 200 && (i < 20 || spy.seen().find("denied") == std::string::npos); ++i)
      EXPECT_EQ(box({"--pid=container:spying"}, {"true"}).code, 0);
    EXPECT_EQ(spy.seen(), "denied\n") << "it was seen on its way, and nothing but that";
  }
  EXPECT_EQ(run({"rm", "-f", "spying"}).code, 0);
}

// CVE-2022-0492: a writable cgroup v1 hierarchy runs a program on the host.
TEST_F(SecurityTest, NoReleaseAgentIsWithinReach) {
  EXPECT_EQ(
      sh({}, "find / -name release_agent 2>/dev/null; mkdir /sys/fs/cgroup/x 2>/dev/null && echo made").out,
      "");
  for (const char* how : {"", "unshare -m ", "unshare -Um ", "unshare -rm "})
    for (const char* type : {"cgroup -o rdma", "cgroup -o memory", "cgroup2"}) {
      std::string script =
          std::string(how) + "sh -c 'mkdir -p /tmp/c && mount -t " + type + " none /tmp/c && ls /tmp/c'";
      Output output = sh({}, script);
      EXPECT_NE(output.code, 0) << script << output;
      EXPECT_EQ(output.out, "") << script;
    }
}

// CVE-2022-0811: one sysctl carries another.
TEST_F(SecurityTest, ASysctlCarriesNoOther) {
  std::string before = text_of("/proc/sys/kernel/core_pattern");
  for (const char* smuggled :
       {"kernel.shm_rmid_forced=1+kernel.core_pattern=|/evil",
        "kernel.shm_rmid_forced=1\nkernel.core_pattern=|/evil",
        "kernel/shm_rmid_forced/../core_pattern=|/evil", "kernel.shm_rmid_forced/../core_pattern=|/evil",
        "net/ipv4/../../kernel/core_pattern=|/evil", "net.ipv4./../../kernel/core_pattern=|/evil"})
    expect_refused(box({"--sysctl", smuggled}, {"true"}), "");
  EXPECT_EQ(text_of("/proc/sys/kernel/core_pattern"), before);
}

// CVE-2025-52881: what is to be written to /proc goes to a file that only looks so.
TEST_F(SecurityTest, AFakeProcIsNotWrittenTo) {
  std::string fake = stage->dir() + "/fake";
  std::filesystem::create_directories(fake + "/sys/net/ipv4");
  std::ofstream(fake + "/sys/net/ipv4/ip_forward") << "fake\n";
  Output output = box({"-v", fake + ":/proc", "--sysctl", "net.ipv4.ip_forward=1"},
                      {"cat", "/proc/sys/net/ipv4/ip_forward"});
  EXPECT_EQ(text_of(fake + "/sys/net/ipv4/ip_forward"), "fake\n") << output;
  output = box({"-v", fake + "/sys:/proc/sys", "--sysctl", "net.ipv4.ip_forward=1"}, {"true"});
  EXPECT_EQ(text_of(fake + "/sys/net/ipv4/ip_forward"), "fake\n") << output;
}

// CVE-2019-19921, 2023-27561, 2025-31133, 2025-52565: what `run` puts there is in the image a link
// to somewhere else.
TEST_F(SecurityTest, LinksOfTheImageLeadNowhere) {
  for (const char* name : {"proc", "sys", "dev"}) {
    std::string root = rootfs(std::string("linked-") + name), victim = stage->dir() + "/victim";
    std::filesystem::create_directories(victim);
    std::filesystem::remove_all(root + "/" + name);
    ASSERT_EQ(symlink(victim.c_str(), (root + "/" + name).c_str()), 0);
    Output output = run(
        {"--storage=dir", "run", "--rm", root, "sh", "-c", "echo x >/dev/null; ls /" + std::string(name)});
    EXPECT_EQ(observe("find " + victim + " -mindepth 1"), "") << name << output;
    EXPECT_EQ(observe("find " + root + victim + " -mindepth 1 2>/dev/null"), "") << name << output;
    std::filesystem::remove_all(victim);
  }
  std::string root = rootfs("linked-files"), victim = stage->file("victim", "untouched\n");
  for (const char* name : {"etc/hosts", "etc/hostname", "etc/resolv.conf"}) {
    std::filesystem::create_directories(root + "/etc");
    std::filesystem::remove(root + "/" + name);
    ASSERT_EQ(symlink(victim.c_str(), (root + "/" + name).c_str()), 0);
  }
  EXPECT_EQ(run({"--storage=dir", "run", "--rm", root, "true"}).code, 0);
  EXPECT_EQ(text_of(victim), "untouched\n");
}

// Ids and names that lead out of their folder.
TEST_F(SecurityTest, NamesOfContainersStayInTheirFolder) {
  std::string victim = stage->root() + "/victim";
  std::filesystem::create_directories(victim + "/storage");
  std::ofstream(victim + "/config.json") << "{}";
  for (const char* name : {"../victim", "../containers/../victim", "/etc", ".", "..", ""})
    for (const char* verb : {"rm", "kill", "stop", "logs", "inspect", "wait"}) {
      Output output = run({verb, name});
      EXPECT_NE(output.code, 0) << verb << " " << name;
      EXPECT_EQ(run({"rm", "-f", name}).out, "") << name;
    }
  for (const char* name : {"a/b", "..", ".hidden", "-x", "a b", "\n"})
    expect_refused(run({"run", "--rm", std::string("--name=") + name, "busybox", "true"}), "name");
  EXPECT_TRUE(std::filesystem::exists(victim + "/config.json"));
  std::filesystem::remove_all(victim);
}

// A container's environment is its own.
TEST_F(SecurityTest, SecretsStayWithTheirContainer) {
  ASSERT_EQ(
      run({"run", "-d", "--name", "secretive", "-e", "PASSWORD=s3cr3t", "busybox", "sleep", "1000"}).code, 0);
  ASSERT_EQ(run({"run", "-d", "--name", "other", "busybox", "sleep", "1000"}).code, 0);
  EXPECT_THAT(run({"inspect", "secretive"}).out, HasSubstr("s3cr3t"));
  EXPECT_THAT(run({"inspect", "other"}).out + run({"logs", "other"}).out + run({"ps", "-a"}).out,
              Not(HasSubstr("s3cr3t")));
  // Whoever may list processes sees monitors too. (The pattern does not match its own command.)
  EXPECT_EQ(observe("grep -als 's3cr[3]t' /proc/[0-9]*/cmdline"), "");
  EXPECT_EQ(observe("grep -als 's3cr[3]t' /proc/[0-9]*/environ"),
            "/proc/" + std::to_string(process("secretive")) + "/environ\n");
  // Nobody but root gets at records.
  EXPECT_EQ(observe("stat -c %a " + stage->root() + " " + stage->state()), "700\n700\n");
  Output removed = run({"rm", "-f", "secretive", "other"});
  EXPECT_EQ(removed.code, 0) << removed.err;
}

// The caller's loader variables: a library of somebody else's in a process of root's.
TEST_F(SecurityTest, LoaderVariablesHaveNoEffect) {
  std::string folder = stage->dir() + "/evil";
  std::filesystem::create_directories(folder);
  // A file that is no library: loading it would be an error.
  for (const char* library :
       {"libseccomp.so.2", "libcgroup.so.2", "libnftables.so.1", "libnl-3.so.200", "libarchive.so.13"})
    std::ofstream(folder + "/" + library) << "not a library";
  stage->environment = {"LD_LIBRARY_PATH=" + folder, "LD_BIND_NOT=1"};
  std::ofstream(folder + "/tree") << "";
  Output output = run({"run", "-d", "--name", "loaded", "--security-opt",
                       "seccomp=" + stage->file("any.json", R"({"defaultAction":"SCMP_ACT_ALLOW"})"),
                       "busybox", "sleep", "1000"});
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_EQ(run({"import", folder, "evil"}).code, 0);
  stage->environment.clear();
  EXPECT_EQ(observe("grep -als LD_ /proc/[0-9]*/environ | xargs -r -n1 dirname | xargs -r -I{} cat {}/comm | "
                    "grep rcrt"),
            "");
  EXPECT_EQ(box({}, {"env"}).out.find("LD_"), std::string::npos);
  EXPECT_EQ(run({"rm", "-f", "loaded"}).code, 0);
  EXPECT_EQ(run({"rmi", "evil"}).code, 0);
}

}  // namespace
}  // namespace rcrt::test
