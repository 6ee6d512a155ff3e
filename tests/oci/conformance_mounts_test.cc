// SPDX-License-Identifier: MIT
// config.json, "root", "mounts" and the names: what each member and each mount option does.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class MountsConformance : public OciTest {
 protected:
  static void SetUpTestSuite() {
    OciTest::SetUpTestSuite();
    if (!stage) return;
    mkdir(source().c_str(), 0755);
    mkdir((source() + "/below").c_str(), 0755);
    ASSERT_EQ(mount("tmpfs", (source() + "/below").c_str(), "tmpfs", 0, nullptr), 0);
    stage->file("tree/file", "text\n");
  }
  static void TearDownTestSuite() {
    if (stage) umount2((source() + "/below").c_str(), MNT_DETACH);
    OciTest::TearDownTestSuite();
  }
  static std::string source() { return stage->dir() + "/tree"; }

  static Json tmpfs(const Json& options) {
    return {{"destination", "/m"}, {"type", "tmpfs"}, {"source", "tmpfs"}, {"options", options}};
  }
  static Json bind(const Json& options) {
    return {{"destination", "/m"}, {"source", source()}, {"options", options}};
  }
  static Output run_with(const Json& mount, const std::string& script) {
    Json spec = config(script);
    spec["mounts"].push_back(mount);
    return run(spec);
  }
  // The line of mountinfo for `place`: options of the mount, propagation, of the file system.
  static std::string line(const Json& mount, const std::string& place = "/m") {
    return run_with(mount, "awk '$5 == \"" + place + "\"' /proc/self/mountinfo").out;
  }
  static void expect_refused(const Json& mount, const char* path, const char* shown, const char* allowed) {
    Json spec = config("true");
    spec["mounts"] = Json::array({mount});
    expect_invalid(spec, std::string("mounts[0]") + path, shown, allowed);
  }
};

TEST_F(MountsConformance, Root) {
  Json spec = config("touch /x 2>/dev/null && rm /x && echo writable || echo read-only");
  EXPECT_EQ(run(spec).out, "read-only\n");
  spec["root"]["readonly"] = false;
  EXPECT_EQ(run(spec).out, "writable\n");
  std::string dir = bundle(spec);
  ASSERT_EQ(symlink(rootfs().c_str(), (dir + "/relative").c_str()), 0);
  spec["root"]["path"] = "relative";
  EXPECT_EQ(run(spec).out, "writable\n");
  unlink((dir + "/relative").c_str());
  for (const Json& wrong : {Json(""), Json(5), Json(std::string("a\0b", 3))}) {
    spec["root"]["path"] = wrong;
    EXPECT_THAT(refused(spec), HasSubstr("invalid configuration: root.path"));
  }
  spec["root"] = {{"path", rootfs()}, {"readonly", "no"}};
  EXPECT_THAT(refused(spec), HasSubstr("root.readonly \"\"no\"\"; it must be true or false"));
}

TEST_F(MountsConformance, HostnameAndDomainname) {
  Json spec = config("hostname; cat /proc/sys/kernel/domainname");
  spec["hostname"] = "a-name";
  spec["domainname"] = "example.test";
  EXPECT_EQ(run(spec).out, "a-name\nexample.test\n");
  for (const char* name : {"hostname", "domainname"}) {
    Json wrong = spec;
    wrong[name] = std::string(65, 'x');
    EXPECT_THAT(refused(wrong), HasSubstr(std::string("invalid configuration: ") + name));
  }
}

TEST_F(MountsConformance, AttributesOfNewAndOfBoundMounts) {
  const std::pair<const char*, const char*> options[] = {{"ro", "ro,"},
                                                         {"rw", "rw,"},
                                                         {"nosuid", "nosuid"},
                                                         {"nodev", "nodev"},
                                                         {"noexec", "noexec"},
                                                         {"noatime", "noatime"},
                                                         {"nodiratime", "nodiratime"},
                                                         {"relatime", "relatime"},
                                                         {"atime", "relatime"},
                                                         {"norelatime", "rw - "},
                                                         {"strictatime", "rw - "},
                                                         {"nostrictatime", "relatime"},
                                                         {"nosymfollow", "nosymfollow"}};
  for (auto [option, shown] : options) {
    // The root's propagation is slave; what is new is private.
    EXPECT_THAT(line(tmpfs({option})), HasSubstr(shown)) << option;
    if (std::string(shown) != "rw - ") {
      EXPECT_THAT(line(bind({"bind", option})), HasSubstr(shown)) << option;
    }
  }
  for (auto [set, cleared] : {std::pair{"nosuid", "suid"},
                              {"nodev", "dev"},
                              {"noexec", "exec"},
                              {"nodiratime", "diratime"},
                              {"nosymfollow", "symfollow"}})
    EXPECT_THAT(line(tmpfs({set, cleared})), Not(HasSubstr(set)));
  EXPECT_THAT(line(tmpfs({"defaults", "silent", "loud", "async", "nomand", "iversion", "noiversion"})),
              HasSubstr("rw,relatime - tmpfs"));
}

TEST_F(MountsConformance, OptionsOfTheFileSystem) {
  EXPECT_THAT(line(tmpfs({"size=64k", "mode=711", "nr_inodes=100"})),
              HasSubstr("size=64k,nr_inodes=100,mode=711"));
  EXPECT_THAT(line(tmpfs({"sync"})), HasSubstr("rw,sync"));
  EXPECT_THAT(line(tmpfs({"dirsync"})), HasSubstr("dirsync"));
  EXPECT_THAT(line(tmpfs({"lazytime"})), HasSubstr("lazytime"));
  EXPECT_THAT(line(tmpfs({"lazytime", "nolazytime"})), Not(HasSubstr("lazytime")));
  EXPECT_THAT(line(tmpfs({"mand"})), HasSubstr("mand"));
  Json wrong = config("true");
  wrong["mounts"].push_back(tmpfs({"size=many"}));
  EXPECT_THAT(refused(wrong), HasSubstr("cannot mount \"/m\""));
}

TEST_F(MountsConformance, RecursiveFormsReachWhatIsBelow) {
  for (auto [option, shown] : {std::pair{"rro", "ro,"},
                               {"rnosuid", "nosuid"},
                               {"rnodev", "nodev"},
                               {"rnoexec", "noexec"},
                               {"rnoatime", "noatime"},
                               {"rnodiratime", "nodiratime"},
                               {"rnosymfollow", "nosymfollow"},
                               {"rrelatime", "relatime"},
                               {"ratime", "relatime"},
                               {"rnostrictatime", "relatime"}}) {
    EXPECT_THAT(line(bind({"rbind", option}), "/m/below"), HasSubstr(shown)) << option;
    if (std::string(shown) != "relatime") {
      EXPECT_THAT(line(bind({"rbind", option + 1}), "/m/below"), Not(HasSubstr(shown))) << option;
    }
  }
  for (auto [set, cleared] : {std::pair{"rro", "rrw"},
                              {"rnosuid", "rsuid"},
                              {"rnodev", "rdev"},
                              {"rnoexec", "rexec"},
                              {"rnodiratime", "rdiratime"},
                              {"rnoatime", "ratime"},
                              {"rnosymfollow", "rsymfollow"}})
    EXPECT_THAT(line(bind({"rbind", set, cleared}), "/m/below"), HasSubstr("rw,relatime"));
  for (const char* always : {"rstrictatime", "rnorelatime"})
    EXPECT_THAT(line(bind({"rbind", always}), "/m/below"), AllOf(HasSubstr(" rw "), Not(HasSubstr("atime"))))
        << always;
  EXPECT_EQ(line(bind({"bind"}), "/m/below"), "") << "bind alone leaves out what is below";
}

TEST_F(MountsConformance, Propagation) {
  const std::pair<const char*, const char*> kinds[] = {
      {"private", "relatime - "}, {"shared", "shared:"}, {"unbindable", "unbindable"}};
  for (auto [kind, shown] : kinds) {
    EXPECT_THAT(line(tmpfs({kind})), HasSubstr(shown));
    EXPECT_THAT(line(bind({"bind", kind})), HasSubstr(shown));
    EXPECT_THAT(line(bind({"rbind", std::string("r") + kind}), "/m/below"), HasSubstr(shown));
  }
  // A slave shows whose it is.
  ASSERT_EQ(mount(nullptr, (source() + "/below").c_str(), nullptr, MS_SHARED, nullptr), 0);
  for (const char* kind : {"slave", "rslave"}) {
    Json below = bind({"bind", kind});
    below["source"] = source() + "/below";
    EXPECT_THAT(line(below), AllOf(HasSubstr("master:"), Not(HasSubstr("shared:")))) << kind;
  }
  ASSERT_EQ(mount(nullptr, (source() + "/below").c_str(), nullptr, MS_PRIVATE, nullptr), 0);
  for (auto [kind, shown] : {std::pair{"", "relatime - "},
                             {"slave", " - "},
                             {"private", "relatime - "},
                             {"shared", "shared:"},
                             {"unbindable", "unbindable"},
                             {"rshared", "shared:"},
                             {"rslave", " - "},
                             {"rprivate", "relatime - "},
                             {"runbindable", "unbindable"}}) {
    Json spec = config("awk '$5 == \"/\"' /proc/self/mountinfo");
    spec["root"]["readonly"] = false;
    spec["linux"]["rootfsPropagation"] = kind;
    EXPECT_THAT(run(spec).out, HasSubstr(shown)) << kind;
  }
  Json spec = config("true");
  spec["linux"]["rootfsPropagation"] = "both";
  EXPECT_THAT(refused(spec), HasSubstr("linux.rootfsPropagation \"both\"; use shared, slave"));
}

TEST_F(MountsConformance, AReadOnlyTmpfsHoldsWhatIsBelowIt) {
  Json spec = config(
      "awk '$5 ~ \"^/(dev|m)\" {print $5, substr($6, 1, 2)}' /proc/self/mountinfo;"
      "echo x >/dev/null; echo x >/dev/shm/x && test -L /dev/fd && test -c /dev/null && pwd;"
      "touch /dev/x 2>/dev/null || echo refused; touch /m/x 2>/dev/null || echo refused");
  for (Json& mount : spec["mounts"])
    if (mount["destination"] == "/dev") mount["options"].push_back("ro");
  spec["mounts"].push_back(tmpfs({"rro"}));
  Json below = tmpfs(Json::array());
  below["destination"] = "/m/new/below";
  spec["mounts"].push_back(below);
  spec["process"]["cwd"] = "/m/work";
  spec["root"]["readonly"] = true;
  Output output = run(spec);
  EXPECT_EQ(output.out,
            "/dev ro\n/dev/pts rw\n/dev/shm rw\n/dev/mqueue rw\n/m ro\n/m/new/below rw\n"
            "/m/work\nrefused\nrefused\n")
      << output;
}

TEST_F(MountsConformance, RemountChangesWhatIsThere) {
  Json spec = config("awk '$5 == \"/m\"' /proc/self/mountinfo");
  spec["mounts"].push_back(tmpfs({"size=64k"}));
  spec["mounts"].push_back({{"destination", "/m"}, {"options", {"remount", "size=128k", "nosuid", "ro"}}});
  EXPECT_THAT(run(spec).out, HasSubstr("ro,nosuid,relatime - tmpfs tmpfs rw,size=128k"));
  spec["mounts"].push_back({{"destination", "/m"}, {"options", {"remount", "bind", "rw", "noexec"}}});
  EXPECT_THAT(run(spec).out, HasSubstr("rw,nosuid,noexec,relatime - tmpfs tmpfs rw,size=128k"));
  for (const Json& options : {Json{"remount"}, Json{"remount", "ro"}, Json{"remount", "size=1k"}}) {
    spec["mounts"] = Json::array({{{"destination", "/etc"}, {"options", options}}});
    EXPECT_THAT(refused(spec), HasSubstr("cannot mount \"/etc\"")) << "no mount is there";
  }
}

TEST_F(MountsConformance, WhatIsBound) {
  Json mount = bind({"rbind"});
  EXPECT_EQ(run_with(mount, "cat /m/file").out, "text\n");
  mount["source"] = source() + "/file";
  mount["destination"] = "/m2/new/file";
  EXPECT_EQ(run_with(mount, "cat /m2/new/file").out, "text\n");
  mount["destination"] = "m2/relative";
  EXPECT_EQ(run_with(mount, "cat /m2/relative").out, "text\n");
  std::string dir = bundle_of("true");
  mount["source"] = "../tree/file";
  EXPECT_EQ(run_with(mount, "cat /m2/relative").out, "text\n") << "a source is relative to the bundle";
  int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {AF_UNIX, {}};
  snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", source().c_str());
  ASSERT_EQ(::bind(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  mount["source"] = address.sun_path;
  EXPECT_EQ(run_with(mount, "test -S /m2/relative && echo socket").out, "socket\n");
  close(socket_fd);
  unlink(address.sun_path);
  mount["source"] = source() + "/missing";
  Json spec = config("true");
  spec["mounts"].push_back(mount);
  EXPECT_THAT(refused(spec), HasSubstr("cannot bind the source"));
}

TEST_F(MountsConformance, AllInTheOrderOfTheConfiguration) {
  Json spec = config("awk '{print $5}' /proc/self/mountinfo | grep ^/m");
  for (auto [place, bound] : {std::pair{"/m1", true}, {"/m2", false}, {"/m3", true}, {"/m4", false}}) {
    spec["mounts"].push_back(bound ? bind({"bind"}) : tmpfs(Json::array()));
    spec["mounts"].back()["destination"] = place;
  }
  EXPECT_EQ(run(spec).out, "/m1\n/m2\n/m3\n/m4\n");
}

TEST_F(MountsConformance, TmpCopyUp) {
  Json mount = tmpfs({"tmpcopyup"});
  mount["destination"] = "/etc";
  EXPECT_THAT(run_with(mount, "cat /etc/passwd; echo x > /etc/new && cat /etc/new").out, HasSubstr("root:"));
  EXPECT_EQ(run_script("ls /etc/new 2>/dev/null").out, "");
  expect_refused(bind({"bind", "tmpcopyup"}), ".options", "tmpcopyup", "it needs a tmpfs");
}

TEST_F(MountsConformance, Cgroup) {
  Json spec = config("awk '$5 == \"/sys/fs/cgroup\" {print $6, $(NF-2)}' /proc/self/mountinfo");
  EXPECT_THAT(run(spec).out, HasSubstr("cgroup2"));
  EXPECT_THAT(run(spec).out, HasSubstr("ro,nosuid,nodev,noexec"));
}

TEST_F(MountsConformance, Refused) {
  expect_refused({{"type", "tmpfs"}}, ".destination", "", "it is required");
  expect_refused({{"destination", "/"}, {"type", "tmpfs"}}, ".destination", "/", "the root itself");
  expect_refused({{"destination", "/m"}, {"type", 5}}, ".type", "5", "a string");
  expect_refused({{"destination", "/m"}}, ".type", "", "a file-system type, or the option bind");
  expect_refused({{"destination", "/m"}, {"options", {"bind"}}}, ".source", "", "needs a source");
  expect_refused(tmpfs({"=x"}), ".options[0]", "=x", "NAME=value");
  expect_refused(tmpfs({1}), ".options[0]", "1", "a string");
  Json unknown = tmpfs(Json::array());
  unknown["type"] = "nosuchfs";
  Json spec = config("true");
  const std::string place = "see mounts[" + std::to_string(spec["mounts"].size()) + "]";
  spec["mounts"].push_back(unknown);
  EXPECT_THAT(refused(spec), AllOf(HasSubstr("does not know the file system"), HasSubstr(place)));
  spec["mounts"].back() = tmpfs({"nosuchoption"});
  EXPECT_THAT(refused(spec), AllOf(HasSubstr("nosuchoption"), HasSubstr(place)));
  spec["mounts"].back() = bind({"bind"});
  spec["mounts"].back()["destination"] = "/etc/passwd";
  EXPECT_THAT(refused(spec), AllOf(HasSubstr("cannot mount \"/etc/passwd\""), HasSubstr(place)));
}

}  // namespace
}  // namespace rcrt::test
