// SPDX-License-Identifier: MIT
// Attacks on rcrt-oci as installed: by an image, by who is inside, by what is asked for.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/e2e/spy.h"
#include "tests/oci/evil_root.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class OciSecurity : public EvilRootTest {
 protected:
  static std::string programs() {
    std::string all;
    for (const char* name : {"/p/bin/rcrt-oci", "/p/libexec/rcrt/rcrt-monitor"})
      all += contents(stage->dir() + name);
    return all;
  }
};

TEST_F(OciSecurity, ProgramsOfOursCannotBeRewritten) {
  const std::string before = programs();
  ASSERT_GT(before.size(), 1000u);
  const std::string write = "for p in /proc/[0-9]*; do (echo x > $p/exe) 2>/dev/null; done; sleep 0.01";
  std::ofstream(evil() + "/script") << "#!/proc/self/exe\n";
  ASSERT_EQ(chmod((evil() + "/script").c_str(), 0755), 0);
  replace_by_link("/link", "/proc/self/exe");
  ASSERT_EQ(create("c1", evil_config("while :; do " + write + "; done")).code, 0);
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  for (const char* entry : {"/proc/self/exe", "/script", "/link", "/proc/1/exe"}) {
    Json spec = evil_config("");
    spec["process"]["args"] = {entry, "version"};
    Output output = run(spec);
    EXPECT_NE(output.code, 0) << entry << output;
    EXPECT_EQ(output.out, "") << entry;
    if (entry != std::string("/proc/1/exe")) {  // the container's own shell
      output = oci({"exec", "c1", entry, "version"});
      EXPECT_NE(output.code, 0) << entry << output;
      EXPECT_EQ(output.out, "") << entry;
    }
  }
  for (int i = 0; i < 5; ++i) oci({"exec", "c1", "true"});
  EXPECT_EQ(programs(), before);
}

TEST_F(OciSecurity, TheWorkingDirectoryIsNoDescriptor) {
  ASSERT_EQ(create("c1", config("sleep 1000")).code, 0);
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  for (int fd = 0; fd < 16; ++fd) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    Json spec = config("pwd");
    spec["process"]["cwd"] = path;
    EXPECT_NE(run(spec).code, 0) << path;
    EXPECT_EQ(oci({"exec", "--cwd", path, "c1", "pwd"}).out, "") << path;
    EXPECT_EQ(oci({"exec", "--cwd", path + "/../..", "c1", "pwd"}).out, "") << path;
  }
}

TEST_F(OciSecurity, NoDescriptorOfTheCallerIsInherited) {
  const int held = open("/", O_RDONLY | O_DIRECTORY);  // without O_CLOEXEC
  ASSERT_GT(held, 2);
  const std::string look =
      "for f in /proc/self/fd/*; do readlink $f; done | grep -v '^pipe:\\|^/dev/null' | sort -u";
  EXPECT_EQ(run_script(look).out, "");
  ASSERT_EQ(create("c1", config("sleep 1000")).code, 0);
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  EXPECT_EQ(oci({"exec", "c1", "sh", "-c", look}).out, "");
  close(held);
}

// Else what the program opens first takes their numbers, and is the container's.
TEST_F(OciSecurity, StreamsThatTheCallerClosedAreNull) {
  const std::string look = "for i in 0 1 2; do readlink /proc/$$/fd/$i; done >/shown/streams";
  auto shown = [&](const Json& spec) {
    Json with = spec;
    with["mounts"].push_back(
        {{"destination", "/shown"}, {"type", "bind"}, {"source", outside()}, {"options", {"bind"}}});
    return with;
  };
  auto closed = [](const std::vector<std::string>& args) {
    std::string line;
    for (const auto& word : command(args)) line += "'" + word + "' ";
    return observe(line + "<&- >&- 2>&-; echo $?");
  };
  auto expect_null = [&] {
    EXPECT_TRUE(eventually([&] { return observe("grep -c . " + outside() + "/streams") == "3\n"; }));
    EXPECT_EQ(observe("sed -n '1p;3p' " + outside() + "/streams"), "/dev/null\n/dev/null\n");
    std::filesystem::remove(outside() + "/streams");
  };
  EXPECT_EQ(closed({"run", "--bundle", bundle(shown(config(look))), "c1"}), "0\n");
  expect_null();
  EXPECT_EQ(closed({"create", "--bundle", bundle(shown(config(look + "; sleep 1000"))), "c1"}), "0\n");
  EXPECT_EQ(closed({"start", "c1"}), "0\n");
  expect_null();
  EXPECT_EQ(closed({"exec", "c1", "sh", "-c", look}), "0\n");
  expect_null();
}

TEST_F(OciSecurity, WhoJoinsCannotBeLookedInto) {
  Json spec = config(
      "while :; do for f in /proc/[0-9]*/root /proc/[0-9]*/cwd /proc/[0-9]*/exe /proc/[0-9]*/fd/*; do "
      "readlink $f; done 2>/dev/null; done");
  spec["process"]["capabilities"]["bounding"] = {"CAP_SYS_PTRACE"};
  spec["process"]["capabilities"]["permitted"] =
      spec["process"]["capabilities"]["effective"] = {"CAP_SYS_PTRACE"};
  ASSERT_EQ(create("c1", spec).code, 0);
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  for (int i = 0; i < 10; ++i) oci({"exec", "c1", "true"});
  EXPECT_TRUE(eventually([] { return container_out().find("/bin/") != std::string::npos; }));
  EXPECT_THAT(container_out(), Not(HasSubstr("rcrt-monitor")));
  EXPECT_THAT(container_out(), Not(HasSubstr("rcrt-plan")));
}

TEST_F(OciSecurity, WhoJoinsCannotBeDebugged) {
  ASSERT_EQ(create("c1", config("sleep 1000")).code, 0);
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  Spy spy(pid("c1"));
  for (int i = 0; i < 200 && (i < 20 || spy.seen().find("denied") == std::string::npos); ++i)
    EXPECT_EQ(oci({"exec", "c1", "true"}).code, 0);
  EXPECT_EQ(spy.seen(), "denied\n") << "it was seen on its way, and nothing but that";
}

TEST_F(OciSecurity, InheritableCapabilitiesAndGroupsAreWhatWasAskedFor) {
  const std::string look = "grep -E 'CapInh|Groups' /proc/self/status | tr -d ' '";
  EXPECT_EQ(run_script(look).out, "Groups:\t\nCapInh:\t0000000000000000\n");
  Json spec = config(look + "; sleep 1000");
  spec["process"]["user"] = {{"uid", 5}, {"gid", 6}, {"additionalGids", {7}}};
  ASSERT_EQ(create("c1", spec).code, 0);
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  EXPECT_TRUE(eventually([] { return container_out() == "Groups:\t7\nCapInh:\t0000000000000000\n"; }))
      << container_out();
  EXPECT_EQ(oci({"exec", "--user", "8:9", "c1", "sh", "-c", look}).out,
            "Groups:\t7\nCapInh:\t0000000000000000\n");
}

TEST_F(OciSecurity, NoNumberIsTakenForRoot) {
  ASSERT_EQ(create("c1", config("sleep 1000")).code, 0);
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  for (const char* user : {"2147483648", "4294967296", "4294967295", "-1", "+0", "00", "010", "0x0", " 0",
                           "0 ", "root", "18446744073709551616"}) {
    Output output = oci({"exec", "--user", user, "c1", "id", "-u"});
    EXPECT_EQ(output.code, 255) << user << output;
    EXPECT_EQ(output.out, "") << user;
  }
  EXPECT_EQ(oci({"exec", "--user", "2147483647", "c1", "id", "-u"}).out, "2147483647\n");
}

TEST_F(OciSecurity, DatabasesOfTheImageAreReadInsideAndBounded) {
  const std::string passwd = evil() + "/etc/passwd";
  const Json spec = evil_config("echo $HOME");
  stage->file("outside/passwd", "root:x:0:0::/stolen:/bin/sh\n");
  std::filesystem::remove(passwd);
  ASSERT_EQ(mkfifo(passwd.c_str(), 0644), 0);
  EXPECT_EQ(run(spec).out, "/\n") << "a FIFO";
  std::filesystem::remove(passwd);
  std::filesystem::create_symlink(outside() + "/passwd", passwd);
  EXPECT_EQ(run(spec).out, "/\n") << "a link out of the root";
  std::filesystem::remove(passwd);
  std::ofstream(passwd) << "root:x:0:0::/huge:/bin/sh\n";
  ASSERT_EQ(truncate(passwd.c_str(), 1L << 40), 0);
  EXPECT_EQ(run(spec).out, "/\n") << "a huge file";
  std::filesystem::remove(passwd);
  std::ofstream(passwd) << "root:x:0:0::/own:/bin/sh\n";
  const std::string group = evil() + "/etc/group";
  std::filesystem::remove(group);
  EXPECT_EQ(run(spec).out, "/own\n") << "no groups";
  std::filesystem::create_symlink("/proc/kmsg", group);
  EXPECT_EQ(run(spec).out, "/own\n") << "a link to what is read for ever";
  std::filesystem::remove(group);
  ASSERT_EQ(mkfifo(group.c_str(), 0644), 0);
  EXPECT_EQ(run(spec).out, "/\n") << "groups in a FIFO";
  std::filesystem::remove(group);
  std::ofstream(group) << "root:x:0:\n";
  ASSERT_EQ(truncate(group.c_str(), 1L << 40), 0);
  EXPECT_EQ(run(spec).out, "/\n") << "groups in a huge file";
}

TEST_F(OciSecurity, AnnotationsAreWordsOnly) {
  const Json annotations = {{"key", "../../outside/value"},
                            {"io.kubernetes.cri-o.LogPath", "/var/log/pods/x.log"},
                            {"example.com/key..", "/"},
                            {".x", ".."}};
  Json spec = config("sleep 1000");
  spec["annotations"] = annotations;
  ASSERT_EQ(create("c1", spec).code, 0);
  EXPECT_EQ(Json::parse(oci({"state", "c1"}).out)["annotations"], annotations);
  EXPECT_TRUE(std::filesystem::is_empty(outside()));
  EXPECT_EQ(oci({"delete", "--force", "c1"}).code, 0);
  EXPECT_EQ(leftovers(), "");
  for (const char* key : {"", ".", "..", "/", "/key", "key/", "../key", "key/..", "./key", "example.com/a/b",
                          "../../outside/key", "a\nb", "a\x7f"}) {
    spec["annotations"] = {{"good", "value"}, {key, "value"}};
    expect_invalid(spec, "annotations ", Json(key).dump(), "NAME or PREFIX/NAME");
  }
}

// What is no library would be an error of whoever loads it.
TEST_F(OciSecurity, LoaderVariablesOfTheCallerReachNothing) {
  for (const char* library : {"libseccomp.so.2", "libcgroup.so.2"})
    std::ofstream(outside() + "/" + library) << "not a library";
  Json spec = config("env");
  spec["linux"]["seccomp"] = {{"defaultAction", "SCMP_ACT_ALLOW"}};
  spec["linux"]["resources"]["unified"] = {{"cgroup.max.depth", "3"}};
  spec["hooks"]["createRuntime"] = {
      {{"path", "/bin/sh"}, {"args", {"sh", "-c", "cat /proc/$$/environ >" + outside() + "/hook"}}}};
  Process process(command({"run", "--bundle", bundle(spec), "c1"}),
                  {"RCRT_ROOT=" + stage->root(), "LD_LIBRARY_PATH=" + outside(), "LD_BIND_NOT=1"});
  Output output = process.finish();
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_THAT(output.out, AllOf(HasSubstr("PATH="), Not(HasSubstr("LD_"))));
  EXPECT_EQ(contents(outside() + "/hook"), "");
}

TEST_F(OciSecurity, NoReleaseAgentIsWithinReach) {
  Json spec = config(
      "find / -name release_agent 2>/dev/null; mount -t cgroup -o rdma x /mnt 2>/dev/null && echo mounted; "
      "mkdir /sys/fs/cgroup/x 2>/dev/null && echo made");
  EXPECT_EQ(run(spec).out, "");
}

}  // namespace
}  // namespace rcrt::test
