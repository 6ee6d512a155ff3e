// SPDX-License-Identifier: MIT
// What `rcrt run` sets up around a process: environment, user, names, mounts.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class SettingsTest : public StageTest {
 protected:
  // A folder with a mount of its own below it: STAGE/NAME/below/file.
  static std::string folder(const std::string& name) {
    std::string path = stage->dir() + "/" + name;
    mkdir(path.c_str(), 0755);
    mkdir((path + "/below").c_str(), 0755);
    EXPECT_EQ(mount("tmpfs", (path + "/below").c_str(), "tmpfs", 0, nullptr), 0);
    stage->file(name + "/here", "on the host\n");
    stage->file(name + "/below/file", "below\n");
    return path;
  }
  static void give_up(const std::string& path) { EXPECT_EQ(umount((path + "/below").c_str()), 0); }
};

void expect_refused(const Output& output, const std::string& says) {
  EXPECT_EQ(output.code, 125) << output;
  EXPECT_THAT(output.err, AllOf(StartsWith("rcrt: "), HasSubstr(says)));
}

TEST_F(SettingsTest, Environment) {
  stage->environment = {"FROM_CALLER=yes", "SECRET=no"};
  std::string file =
      stage->file("env", "# a comment\nONE=1\n\nTWO=with = and spaces \nFROM_CALLER\nUNSET_HERE\n");
  Output output = box({"--env-file", file, "-e", "THREE=3", "--env=ONE=again", "-e", "UNSET_TOO"}, {"env"});
  stage->environment.clear();
  EXPECT_THAT(output.out, AllOf(HasSubstr("\nTWO=with = and spaces \n"), HasSubstr("\nTHREE=3\n"),
                                HasSubstr("\nONE=again\n"), HasSubstr("\nFROM_CALLER=yes\n")));
  EXPECT_THAT(output.out, AllOf(Not(HasSubstr("ONE=1")), Not(HasSubstr("UNSET")), Not(HasSubstr("SECRET")),
                                Not(HasSubstr("RCRT_"))));
  EXPECT_THAT("\n" + output.out,
              AllOf(HasSubstr("\nPATH=/"), HasSubstr("\nHOME=/root\n"), HasSubstr("\nHOSTNAME=")));
}

TEST_F(SettingsTest, RefusesVariablesWithoutAName) {
  expect_refused(box({"-e", "=x"}, {"true"}), "invalid environment variable in --env \"=x\"");
  expect_refused(box({"-e", ""}, {"true"}), "invalid environment variable");
  const std::string file = stage->file("bad_env", "A=1\nB = 2\n");
  expect_refused(box({"--env-file", file}, {"true"}), file + " \"B = 2\"");
}

TEST_F(SettingsTest, RefusesWhatCannotBe) {
  expect_refused(box({"--uts=host", "--hostname", "h"}, {"true"}), "--uts=host");
  expect_refused(box({"--storage-opt", "size=1m"}, {"true"}), "unknown storage option \"size\"");
  expect_refused(box({"--ip", "10.0.0.3"}, {"true"}), "cannot choose an address");
  expect_refused(box({"--add-host", "x:host-gateway"}, {"true"}), "no gateway");
}

TEST_F(SettingsTest, WorkingDirectory) {
  EXPECT_EQ(box({}, {"pwd"}).out, "/\n");
  EXPECT_EQ(box({"--workdir", "/etc"}, {"pwd"}).out, "/etc\n");
  EXPECT_EQ(box({"-w/made/on/the/way"}, {"pwd"}).out, "/made/on/the/way\n");
  expect_refused(box({"-w", "relative"}, {"pwd"}), "relative");
}

TEST_F(SettingsTest, WorkingDirectoryIsNoDescriptor) {
  for (int fd = 0; fd < 20; ++fd) {
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    Output output = box({"-w", path}, {"ls"});
    EXPECT_NE(output.code, 0) << path;
    EXPECT_EQ(output.out, "") << path;
  }
}

TEST_F(SettingsTest, Entrypoint) {
  EXPECT_EQ(box({"--entrypoint", "echo"}, {"a", "b c"}).out, "a b c\n");
  expect_refused(run({"run", "--rm", "--entrypoint", "", "busybox"}), "no command");
  expect_refused(box({}, {""}), "its first word is empty");
  EXPECT_EQ(box({"--entrypoint", "[\"echo\", \"a\"]"}, {"b"}).out, "a b\n");
}

TEST_F(SettingsTest, UserByNameAndNumber) {
  EXPECT_EQ(sh({}, "id -u; id -g; id -G").out, "0\n0\n0\n");
  EXPECT_EQ(sh({"--user", "nobody"}, "id -u; id -g; id -G").out, "65534\n65534\n65534\n");
  EXPECT_EQ(sh({"-u", "nobody:tty"}, "id -u; id -g; id -G").out, "65534\n5\n5\n");
  EXPECT_EQ(sh({"-u", "1234"}, "id -u; id -g; id -G").out, "1234\n0\n0\n");
  EXPECT_EQ(sh({"-u", "1234:5678", "--group-add", "tty", "--group-add", "42"}, "id -u; id -g; id -G").out,
            "1234\n5678\n5678 5 42\n");
  EXPECT_EQ(sh({"-u", "2147483647"}, "id -u").out, "2147483647\n");
}

TEST_F(SettingsTest, RefusesUsersThatCouldBeTakenForRoot) {
  for (const char* user : {"2147483648", "4294967296", "4294967295", "00", "01000", "-1", "+0", "0x0", " 0",
                           "0 ", "root ", "0:4294967296", "0:-1", "nosuchuser", ":", "0:", ":0", "1:2:3"})
    expect_refused(box({"--user", user}, {"id"}), "");
}

TEST_F(SettingsTest, Hostname) {
  Output own = sh({"--hostname", "somename"}, "hostname; cat /etc/hostname");
  EXPECT_EQ(own.out, "somename\nsomename\n") << own;
  Output generated = sh({}, "hostname; echo $HOSTNAME");
  EXPECT_EQ(generated.out.size(), 26u) << generated;
  expect_refused(box({"--hostname", std::string(65, 'a')}, {"true"}), "at most 64 characters");
  expect_refused(box({"--hostname", "bad host"}, {"true"}), "no space");
  EXPECT_EQ(sh({"--hostname", "h", "--domainname", "example.org"}, "cat /proc/sys/kernel/domainname").out,
            "example.org\n");
}

TEST_F(SettingsTest, HostsAndResolver) {
  Output output = sh({"--add-host", "some.name:192.0.2.7", "--add-host=six=2001:db8::7", "--dns",
                      "192.0.2.53", "--dns-search", "example.org", "--dns-option", "ndots:3"},
                     "cat /etc/hosts /etc/resolv.conf");
  EXPECT_THAT(output.out, AllOf(HasSubstr("192.0.2.7\tsome.name"), HasSubstr("2001:db8::7\tsix"),
                                HasSubstr("127.0.0.1\tlocalhost"), HasSubstr("nameserver 192.0.2.53\n"),
                                HasSubstr("search example.org\n"), HasSubstr("options ndots:3\n")));
  expect_refused(box({"--add-host", "noaddress"}, {"true"}), "noaddress");
  expect_refused(box({"--dns", "1.2.3.4\nnameserver 6.6.6.6"}, {"true"}), "DNS");
}

TEST_F(SettingsTest, ReadOnlyRoot) {
  Output output = sh({"--read-only"}, "touch /made; touch /tmp/made; touch /dev/shm/made && echo shm");
  EXPECT_THAT(output.err, AllOf(HasSubstr("/made: Read-only"), HasSubstr("/tmp/made: Read-only")));
  EXPECT_EQ(output.out, "shm\n");
  EXPECT_THAT(sh({"--read-only"}, "echo >> /etc/hosts").err, HasSubstr("Read-only"));
}

TEST_F(SettingsTest, Tmpfs) {
  Output output = sh({"--read-only", "--tmpfs", "/tmp", "--tmpfs", "/big:size=1m,mode=700,exec"},
                     "grep -E ' /(tmp|big) ' /proc/mounts; stat -c %a /big; touch /tmp/made && echo made; "
                     "head -c 2000000 /dev/zero >/big/file 2>/dev/null; stat -c %s /big/file");
  EXPECT_THAT(output.out, AllOf(HasSubstr("tmpfs /tmp tmpfs rw,nosuid,nodev,noexec"), HasSubstr("size=1024k"),
                                HasSubstr("700\n"), HasSubstr("made\n"), HasSubstr("\n1048576\n")));
}

TEST_F(SettingsTest, Volumes) {
  std::string path = folder("volume");
  Output output = sh({"-v", path + ":/data"}, "cat /data/here /data/below/file; echo changed >/data/made");
  EXPECT_EQ(output.out, "on the host\nbelow\n");
  std::string text;
  std::getline(std::ifstream(path + "/made"), text);
  EXPECT_EQ(text, "changed");
  give_up(path);
}

TEST_F(SettingsTest, ReadOnlyVolumesAreReadOnlyAllTheWayDown) {
  std::string path = folder("readonly");
  for (const auto& option : {std::vector<std::string>{"-v", path + ":/data:ro"},
                             {"--mount", "type=bind,source=" + path + ",target=/data,readonly"}}) {
    Output output =
        sh(option, "touch /data/made; touch /data/below/made; umount /data/below; mount -o remount,rw /data");
    EXPECT_THAT(output.err,
                AllOf(HasSubstr("/data/made: Read-only"), HasSubstr("/data/below/made: Read-only")));
    EXPECT_NE(output.code, 0);
  }
  EXPECT_NE(access((path + "/made").c_str(), F_OK), 0);
  EXPECT_NE(access((path + "/below/made").c_str(), F_OK), 0);
  // The host's own is writable as before.
  EXPECT_TRUE(std::ofstream(path + "/below/made") << "x" << std::flush);
  give_up(path);
}

TEST_F(SettingsTest, MountsMadeOnTheHostStayOutside) {
  std::string path = folder("private");
  Output output = sh({"--cap-add", "SYS_ADMIN", "-v", path + ":/data"},
                     "mkdir /data/inside; mount -t tmpfs none /data/inside; touch /data/inside/made");
  EXPECT_NE(access((path + "/inside/made").c_str(), F_OK), 0) << output;
  give_up(path);
}

TEST_F(SettingsTest, MissingMountSources) {
  std::string missing = stage->dir() + "/not/there";
  expect_refused(box({"--mount", "type=bind,source=" + missing + ",target=/data"}, {"true"}), missing);
  EXPECT_NE(access(missing.c_str(), F_OK), 0);
  EXPECT_EQ(box({"-v", missing + ":/data"}, {"true"}).code, 0);
  EXPECT_EQ(access(missing.c_str(), F_OK), 0);
}

TEST_F(SettingsTest, MountTargetsAreMade) {
  std::string file = stage->file("single", "one file\n");
  EXPECT_EQ(box({"-v", file + ":/deep/in/it:ro"}, {"cat", "/deep/in/it"}).out, "one file\n");
  EXPECT_EQ(box({"-v", file + ":/a/../../b"}, {"cat", "/b"}).out, "one file\n");
  expect_refused(box({"-v", "rela/tive:/b"}, {"true"}), "absolute");
  expect_refused(box({"-v", file + ":/"}, {"true"}), "root itself");
  expect_refused(box({"-v", file + ":/x", "--tmpfs", "/x/"}, {"true"}), "two mounts");
}

TEST_F(SettingsTest, SaysWhatIsInTheWayOfAMount) {
  const std::string root = stage->dir() + "/odd";
  ASSERT_EQ(run({"unpack", "busybox", root}).code, 0);
  observe("rm -rf " + root + "/proc " + root + "/etc/hostname; touch " + root + "/proc; mkdir " + root +
          "/etc/hostname");
  auto start = [&] { return run({"--storage=dir", "--net=none", "run", "--rm", root, "true"}); };
  expect_refused(start(), "\"/proc\": Invalid argument: it is a file in the root");
  observe("rm " + root + "/proc");
  expect_refused(start(), "\"/etc/hostname\": Invalid argument: it is a folder in the root");
}

TEST_F(SettingsTest, TmpfsByMount) {
  Output output = sh({"--mount", "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777"},
                     "grep ' /t ' /proc/mounts; stat -c %a /t");
  EXPECT_THAT(output.out, AllOf(HasSubstr("size=1024k"), HasSubstr("1777\n")));
  expect_refused(box({"--mount", "type=nosuch,target=/t"}, {"true"}), "nosuch");
}

TEST_F(SettingsTest, AFolderOfDevices) {
  const std::string folder = stage->dir() + "/nodes";
  mkdir(folder.c_str(), 0755);
  for (unsigned number : {3u, 5u})
    ASSERT_EQ(mknod((folder + "/n" + std::to_string(number)).c_str(), S_IFCHR | 0666, makedev(1, number)), 0);
  EXPECT_EQ(box({"--device", folder + ":/dev/some"}, {"ls", "/dev/some"}).out, "n3\nn5\n");
  EXPECT_EQ(sh({"--device", folder + ":/dev/some"}, "head -c3 /dev/some/n5 | wc -c").out, "3\n");
  expect_refused(box({"--device", "/etc"}, {"true"}), "no device node");
}

TEST_F(SettingsTest, SharedMemorySize) {
  EXPECT_THAT(box({"--shm-size", "1m"}, {"grep", " /dev/shm ", "/proc/mounts"}).out, HasSubstr("size=1024k"));
}

TEST_F(SettingsTest, Labels) {
  std::string file = stage->file("labels", "# a comment\na=from file\nc=d e\n\n");
  ASSERT_EQ(run({"run", "-d", "--name", "labelled", "--label-file", file, "--label", "a=b", "-l", "bare",
                 "--annotation", "org.example.note=kept", "busybox", "true"})
                .code,
            0);
  Json shown = stage->inspect("labelled");
  EXPECT_EQ(shown["Config"]["Labels"], (Json{{"a", "b"}, {"bare", ""}, {"c", "d e"}}));
  EXPECT_EQ(shown["HostConfig"]["Annotations"], (Json{{"org.example.note", "kept"}}));
  expect_refused(run({"run", "--rm", "--label-file", file + ".none", "busybox", "true"}), file + ".none");
  expect_refused(box({"--annotation", "bare"}, {"true"}), "bare");
  EXPECT_EQ(run({"wait", "labelled"}).code, 0);
  EXPECT_EQ(run({"rm", "labelled"}).code, 0);
}

}  // namespace
}  // namespace rcrt::test
