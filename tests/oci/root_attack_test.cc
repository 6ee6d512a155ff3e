// SPDX-License-Identifier: MIT
// Attacks of an image, or of what is mounted, on how rcrt-oci sets up the root.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/oci/evil_root.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class RootAttack : public EvilRootTest {
 protected:
  // The image's own /dev, and what it has there.
  static Json with_its_own_dev(const std::string& script, bool pseudo_terminals) {
    Json spec = evil_config(script);
    std::erase_if(spec["mounts"].get_ref<Json::array_t&>(), [&](const Json& mount) {
      const auto place = mount["destination"].get<std::string>();
      return place.starts_with("/dev") && !(pseudo_terminals && place == "/dev/pts");
    });
    std::filesystem::create_directories(evil() + "/dev/pts");
    return spec;
  }
  static std::string mounts() { return contents("/proc/self/mountinfo"); }
  static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
};

TEST_F(RootAttack, LinksOfTheImageLeadNowhere) {
  for (const char* place : {"/proc", "/sys"}) {
    const Json spec = evil_config("true");
    replace_by_link(place, outside());
    EXPECT_THAT(refused(spec), HasSubstr("it must be a folder, not a symbolic link")) << place;
    std::filesystem::remove(evil() + place);
    std::filesystem::create_directory(evil() + place);
  }
  replace_by_link("/dev", outside());
  EXPECT_EQ(run(evil_config("true")).code, 0);
  replace_by_link("/link", outside());
  Json spec = evil_config("true");
  spec["mounts"].push_back({{"destination", "/link/a/b"}, {"type", "tmpfs"}, {"source", "tmpfs"}});
  spec["mounts"].push_back(
      {{"destination", "/link/../../../file"}, {"source", "/etc/hostname"}, {"options", {"bind"}}});
  run(spec);
  EXPECT_TRUE(std::filesystem::is_empty(outside())) << "something was made outside of the root";
}

// A volume of another container's: a folder that becomes a link to the outside, and back.
TEST_F(RootAttack, ATargetThatBecomesALinkStaysInside) {
  const std::string volume = stage->dir() + "/volume";
  std::filesystem::create_directories(volume + "/folder");
  std::filesystem::create_symlink(outside(), volume + "/link");
  const std::string one = volume + "/folder", two = volume + "/link", before = mounts();
  const pid_t swapper = fork();
  if (swapper == 0)
    for (;;) renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, two.c_str(), RENAME_EXCHANGE);
  Json spec = config("true");
  spec["mounts"].push_back({{"destination", "/v"}, {"source", volume}, {"options", {"rbind"}}});
  spec["mounts"].push_back({{"destination", "/v/folder/new"}, {"type", "tmpfs"}, {"source", "tmpfs"}});
  for (int i = 0; i < 30; ++i) run(spec);  // may fail when the swap comes at a bad moment
  kill(swapper, SIGKILL);
  waitpid(swapper, nullptr, 0);
  EXPECT_TRUE(std::filesystem::is_empty(outside())) << "something was made outside of the root";
  EXPECT_EQ(mounts(), before);
  std::filesystem::remove_all(volume);
}

TEST_F(RootAttack, AFakeNullMasksNothingAndIsNotWrittenTo) {
  Json spec = with_its_own_dev("cat /etc/secret; cat /dev/null", false);
  spec["linux"]["maskedPaths"] = {"/etc/secret"};
  write(evil() + "/etc/secret", "secret\n");
  write(evil() + "/dev/null", "fake\n");
  Output output = run(spec);
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_EQ(output.out, "");
  EXPECT_EQ(contents(evil() + "/dev/null"), "fake\n");
  write(outside() + "/file", "untouched\n");
  for (const char* device : {"/dev/null", "/dev/zero"}) {
    replace_by_link(device, outside() + "/file");
    EXPECT_THAT(run(spec).out, Not(HasSubstr("secret"))) << device;
    EXPECT_EQ(contents(outside() + "/file"), "untouched\n");
  }
}

TEST_F(RootAttack, AFakeTerminalIsRefusedAndAConsoleElsewhereIsNotTouched) {
  Json spec = with_its_own_dev("true", false);
  spec["process"]["terminal"] = true;
  write(evil() + "/dev/pts/ptmx", "");
  EXPECT_THAT(refused(spec), HasSubstr("it is not devpts's multiplexer"));
  write(outside() + "/console", "untouched\n");
  spec = with_its_own_dev("cat /dev/console /dev/real 2>/dev/null", true);
  spec["process"]["terminal"] = true;
  const std::string before = mounts();
  for (const std::string& target : {outside() + "/console", std::string("/../../../../dev/console")}) {
    replace_by_link("/dev/console", target);
    EXPECT_THAT(run(spec).out, Not(HasSubstr("untouched"))) << target;
    EXPECT_EQ(contents(outside() + "/console"), "untouched\n");
    EXPECT_EQ(mounts(), before);
  }
}

TEST_F(RootAttack, AFakeProcIsNotWrittenTo) {
  const std::string fake = outside() + "/proc";
  const std::vector<std::string> files = {"/sys/net/ipv4/ip_forward", "/self/oom_score_adj",
                                          "/self/attr/exec", "/self/attr/apparmor/exec", "/self/setgroups"};
  for (const auto& file : files) {
    std::filesystem::create_directories(std::filesystem::path(fake + file).parent_path());
    write(fake + file, "fake\n");
  }
  for (const auto& [place, source] : {std::pair{std::string("/proc"), fake}, {"/proc/sys", fake + "/sys"}}) {
    Json spec = config("true");
    const Json fake_mount = {{"destination", place}, {"source", source}, {"options", {"rbind"}}};
    if (place == "/proc")
      spec["mounts"][0] = fake_mount;
    else
      spec["mounts"].push_back(fake_mount);
    spec["linux"]["sysctl"] = {{"net.ipv4.ip_forward", "1"}};
    spec["process"]["oomScoreAdj"] = 5;
    run(spec);
    spec["process"]["apparmorProfile"] = "some-profile";
    run(spec);
    for (const auto& file : files) EXPECT_EQ(contents(fake + file), "fake\n") << place << file;
  }
}

}  // namespace
}  // namespace rcrt::test
