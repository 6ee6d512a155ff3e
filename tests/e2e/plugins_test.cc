// SPDX-License-Identifier: MIT
// Plugins of others: a file dropped into a folder works by its name, with nothing registered.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class PluginsTest : public StageTest {
 protected:
  // The examples, built with the headers of the installed tree: STAGE/plugins/<file>.so
  static void SetUpTestSuite() {
    StageTest::SetUpTestSuite();
    if (!stage) return;
    std::string from = stage->dir() + "/examples";
    fs::copy("examples", from, fs::copy_options::recursive);
    mkdir(folder().c_str(), 0755);
    for (const char* name : {"net-island", "storage-loop", "isolation-lean"})
      ASSERT_EQ(observe("make -s -C " + from + "/" + name + "-c PLUGINDIR=" + folder() +
                        " RCRT_INCLUDE=" + stage->dir() + "/p/include install 2>&1"),
                "");
  }
  static std::string folder() { return stage->dir() + "/plugins"; }
  // A file system with busybox in it.
  static std::string disk() {
    std::string tree = stage->dir() + "/tree", file = stage->dir() + "/disk.img";
    if (access(file.c_str(), F_OK) == 0) return file;
    EXPECT_EQ(run({"unpack", "busybox", tree}).code, 0);
    EXPECT_EQ(observe("mke2fs -q -t ext4 -d " + tree + " " + file + " 16M 2>&1 >/dev/null"), "");
    return file;
  }
};

void expect_refused(const Output& output, const std::string& says) {
  EXPECT_EQ(output.code, 125) << output;
  EXPECT_EQ(output.out, "");
  EXPECT_THAT(output.err, AllOf(StartsWith("rcrt: "), HasSubstr(says)));
  EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
}

TEST_F(PluginsTest, ANetworkWorksByItsName) {
  if (access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "no tun driver here";
  expect_refused(run({"--net=island", "run", "--rm", "busybox", "true"}), "net-island");
  Output output = run({"--plugin-dir", folder(), "--net=island", "run", "--rm", "--ip", "192.0.2.7",
                       "busybox", "sh", "-c", "ip addr show eth0; cat /etc/hosts; ping -c1 192.0.2.7"});
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_THAT(output.out, AllOf(HasSubstr("inet 192.0.2.7/24"), HasSubstr("192.0.2.7\t")));
  // What the plugin says is wrong is what the user is told.
  expect_refused(run({"--net=island", "run", "--plugin-dir", folder(), "--rm", "--net=island", "busybox"}),
                 "twice");
  expect_refused(
      run({"--net=island", "run", "--plugin-dir", folder(), "--rm", "-p", "80", "busybox", "true"}),
      "cannot publish ports");
}

TEST_F(PluginsTest, AResultOfAnotherFormIsItsFault) {
  const std::string file = folder() + "/net-answers.so";
  fs::copy("tests/plugins/zoo/net-answers.so", file);
  chmod(file.c_str(), 0755);
  for (const char* name : {"wrong-interfaces", "wrong-addresses", "wrong-dns", "wrong-ports"}) {
    Output output =
        run({"--plugin-dir", folder(), "--net=answers", "run", "--name", name, "busybox", "true"});
    expect_refused(output, "plugin misbehaved \"" + file);
    EXPECT_THAT(output.err, HasSubstr(name + sizeof "wrong"));
  }
  EXPECT_EQ(run({"ps", "-aq"}).out, "");
  fs::remove(file);
}

// By force also where nobody can undo what the plugin did.
TEST_F(PluginsTest, AContainerOutlivesItsPluginButNotARemovalByForce) {
  const std::string file = folder() + "/net-island.so", away = folder() + "/away";
  EXPECT_EQ(
      run({"--plugin-dir", folder(), "--net=island", "run", "-d", "--name", "c", "busybox", "sleep", "1000"})
          .code,
      0);
  fs::rename(file, away);
  EXPECT_EQ(run({"rm", "c"}).code, 1);
  Output removed = run({"rm", "-f", "c"});
  EXPECT_EQ(removed.out, "c\n");
  EXPECT_THAT(removed.err, AllOf(HasSubstr("no such plugin \"net-island\""), HasSubstr("may be left")));
  EXPECT_EQ(run({"ps", "-aq"}).out, "");
  fs::rename(away, file);
}

// What is missing at the end of a file that is mapped kills whoever looks for it.
TEST_F(PluginsTest, OneThatIsCutOffIsRefused) {
  const std::string folder = stage->dir() + "/cut", file = folder + "/net-none.so";
  mkdir(folder.c_str(), 0755);
  const std::string whole = stage->dir() + "/p/lib/rcrt/plugins/net-none.so";
  for (const uintmax_t size : {uintmax_t{100}, uintmax_t{3000}, fs::file_size(whole) / 2}) {
    fs::copy(whole, file, fs::copy_options::overwrite_existing);
    fs::resize_file(file, size);
    expect_refused(run({"--plugin-dir", folder, "--net=none", "run", "busybox", "true"}), file);
    EXPECT_EQ(run({"--plugin-dir", folder, "plugin", "ls"}).code, 0);
    EXPECT_THAT(run({"--plugin-dir", folder, "plugin", "inspect", "net-none"}).out, HasSubstr("Problem:"));
  }
}

TEST_F(PluginsTest, AStorageTakesASourceOfItsOwn) {
  if (access("/dev/loop-control", R_OK | W_OK) != 0) GTEST_SKIP() << "no loop driver here";
  std::string file = disk();
  Output output = run({"--plugin-dir", folder(), "--storage=loop", "run", "--rm", "--read-only", file, "sh",
                       "-c", "cat /etc/passwd; grep ' / ' /proc/mounts; touch /made"});
  EXPECT_THAT(output.out, AllOf(HasSubstr("root:x:0:0"), HasSubstr(" / ext4 ro"))) << output;
  EXPECT_THAT(output.err, HasSubstr("Read-only"));
  auto loop = [](const std::vector<std::string>& words) {
    std::vector<std::string> all = {"--plugin-dir", folder(), "--storage=loop", "run", "--rm"};
    all.insert(all.end(), words.begin(), words.end());
    return run(all);
  };
  expect_refused(loop({file, "true"}), "add --read-only");
  expect_refused(loop({"--read-only", "./no/such/file", "true"}), "./no/such/file");
  expect_refused(loop({"--read-only", "busybox", "true"}), "busybox");
  // The plan shows the source, and mounts nothing.
  Output plan = loop({"--explain", "--read-only", file, "true"});
  EXPECT_EQ(Json::parse(plan.out, nullptr, false)["image"], (Json{{"source", file}})) << plan;
}

TEST_F(PluginsTest, AnIsolationContributesToTheOthers) {
  Output output = run({"--plugin-dir", folder(), "--isolation=cgroup,seccomp,lean", "run", "--rm", "busybox",
                       "sh", "-c", "ulimit -Hc; wc -c </proc/cmdline; grep Seccomp: /proc/self/status"});
  EXPECT_EQ(output.out, "0\n0\nSeccomp:\t2\n") << output;
  EXPECT_NE(sh({}, "wc -c </proc/cmdline").out, "0\n");
}

TEST_F(PluginsTest, ItsContainersAreCleanedUpByCommandsThatKnowNoFolder) {
  if (access("/dev/loop-control", R_OK | W_OK) != 0) GTEST_SKIP() << "no loop driver here";
  // A relative folder too: the clean-up runs elsewhere.
  std::string relative = fs::relative(folder());
  for (const auto& where : {folder(), relative}) {
    Output output = run({"--plugin-dir", where, "--storage=loop", "run", "-d", "--name", "looped",
                         "--read-only", disk(), "sleep", "1000"});
    ASSERT_EQ(output.code, 0) << output;
    EXPECT_EQ(run({"stop", "-t", "0", "looped"}).code, 0);
    EXPECT_EQ(run({"rm", "looped"}).code, 0);
  }
}

TEST_F(PluginsTest, InstalledOnesAreThereForEverybody) {
  std::string installed = stage->dir() + "/p/lib/rcrt/plugins/isolation-lean.so";
  fs::copy_file(folder() + "/isolation-lean.so", installed);
  EXPECT_THAT(run({"plugin", "ls"}).out, HasSubstr("lean"));
  Json entry = Json::parse(run({"plugin", "inspect", "--json", "isolation-lean"}).out, nullptr, false);
  EXPECT_THAT(entry.dump(), HasSubstr("no core dumps"));
  EXPECT_EQ(run({"--isolation=lean", "run", "--rm", "busybox", "sh", "-c", "ulimit -Hc"}).out, "0\n");
  // A file that others can write is refused, not skipped.
  chmod(installed.c_str(), 0666);
  EXPECT_EQ(run({"plugin", "inspect", "isolation-lean"}).code, 1);
  expect_refused(run({"--isolation=lean", "run", "--rm", "busybox", "true"}), installed);
  fs::remove(installed);
}

}  // namespace
}  // namespace rcrt::test
