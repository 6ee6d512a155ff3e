// SPDX-License-Identifier: MIT
// What rcrt says of itself and of the machine: doctor, version, help.
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class MachineTest : public StageTest {};

// The finding of `doctor --json` that speaks of `what`.
Json finding(const Output& output, const std::string& what) {
  Json list = Json::parse(output.out, nullptr, false);
  EXPECT_TRUE(list.is_array()) << output;
  for (const auto& entry : list)
    if (entry.value("what", "").find(what) != std::string::npos) return entry;
  ADD_FAILURE() << "no finding of " << what << ": " << output;
  return Json::object();
}

TEST_F(MachineTest, DoctorSaysWhatIsThere) {
  Output output = run({"doctor", "--json"});
  for (const char* what : {"kernel 6", "user namespaces", "time namespaces", "file system overlay",
                           "rcrt-monitor", "embedded image", "plugin storage-overlay", "plugin net-bridge"})
    EXPECT_TRUE(finding(output, what).value("ok", false)) << what;
  for (const auto& entry : Json::parse(output.out))
    EXPECT_EQ(entry.value("ok", false), entry.value("cure", "").empty())
        << entry << " has a cure if it lacks";
  Output text = run({"doctor"});
  EXPECT_EQ(text.code, output.code);
  EXPECT_THAT(text.out, HasSubstr("ok   user namespaces\n"));
}

TEST_F(MachineTest, DoctorSaysWhereControllersAreBound) {
  std::ifstream cgroups("/proc/cgroups");
  bool v1 = false;
  for (std::string line; std::getline(cgroups, line);)
    if (line.starts_with("memory\t") && !line.starts_with("memory\t0\t")) v1 = true;
  Json memory = finding(run({"doctor", "--json"}), "memory");
  EXPECT_EQ(memory.value("ok", false), !v1) << memory;
  if (v1) {
    EXPECT_THAT(memory.dump(), AllOf(HasSubstr("cgroup v1"), HasSubstr("cgroup_no_v1=memory")));
  }
}

TEST_F(MachineTest, DoctorNamesABrokenInstallation) {
  std::string image = stage->dir() + "/p/share/rcrt/images/busybox.tar",
              plugin = stage->dir() + "/p/lib/rcrt/plugins/net-wrong.so";
  ASSERT_EQ(rename(image.c_str(), (image + ".away").c_str()), 0);
  std::ofstream(plugin) << "no plugin";
  Output output = run({"doctor", "--json"});
  EXPECT_EQ(output.code, 1);
  EXPECT_FALSE(finding(output, "embedded image").value("ok", true));
  Json wrong = finding(output, "plugin net-wrong");
  EXPECT_FALSE(wrong.value("ok", true));
  EXPECT_THAT(wrong.value("cure", ""), HasSubstr(plugin));
  EXPECT_EQ(rename((image + ".away").c_str(), image.c_str()), 0);
  EXPECT_EQ(unlink(plugin.c_str()), 0);
}

TEST_F(MachineTest, DoctorNamesAChainThatDropsWhatIsForwarded) {
  EXPECT_EQ(observe("nft 'add table ip foreign { chain strict { type filter hook forward priority 0; policy "
                    "drop; }; }'"),
            "");
  Output output = run({"doctor"});
  EXPECT_EQ(output.code, 1);
  EXPECT_THAT(output.out,
              AllOf(HasSubstr("LACK plugin net-bridge"), HasSubstr("foreign"), HasSubstr("strict")));
  EXPECT_EQ(observe("nft delete table ip foreign"), "");
}

TEST_F(MachineTest, Version) {
  Output output = run({"version"});
  EXPECT_EQ(output.code, 0);
  EXPECT_THAT(output.out,
              AllOf(StartsWith("rcrt version "), HasSubstr("plugin interface 1."), HasSubstr("OCI")));
  EXPECT_EQ(run({"--version"}).out, output.out);
  EXPECT_EQ(run({"-v"}).out, output.out);
  Json json = Json::parse(run({"version", "--json"}).out, nullptr, false);
  EXPECT_THAT(output.out, HasSubstr(json.value("version", "none")));
}

TEST_F(MachineTest, Plugins) {
  Output output = run({"plugin", "ls"});
  for (const char* name : {"image-oci", "isolation-cgroup", "isolation-seccomp", "net-bridge", "net-host",
                           "net-none", "storage-dir", "storage-overlay"})
    EXPECT_THAT(output.out, HasSubstr(name));
  Json list = Json::parse(run({"plugin", "ls", "--json"}).out, nullptr, false);
  ASSERT_EQ(list.size(), 8u) << list;
  Output bridge = run({"plugin", "inspect", "bridge"});
  EXPECT_THAT(bridge.out, AllOf(HasSubstr("Kind:        net\n"), HasSubstr("net-bridge.so"),
                                HasSubstr("rcrt.network/1")));
  Json one = Json::parse(run({"plugin", "inspect", "--json", "net-bridge"}).out, nullptr, false);
  EXPECT_EQ(one[0]["Interfaces"], (Json{"rcrt.network/1"}));
  EXPECT_EQ(run({"plugin", "inspect", "nosuch"}).code, 1);
}

TEST_F(MachineTest, Help) {
  EXPECT_THAT(run({"--help"}).out,
              AllOf(StartsWith("usage: rcrt "), HasSubstr("  run "), HasSubstr("--storage")));
  EXPECT_THAT(run({"run", "--help"}).out, AllOf(HasSubstr("-p, --publish"), HasSubstr("--storage")));
  EXPECT_EQ(run({"help"}).out, run({"--help"}).out);
  EXPECT_EQ(run({"help", "run"}).out, run({"run", "--help"}).out);
  EXPECT_EQ(run({"help", "network", "ls"}).out, run({"network", "ls", "--help"}).out);
  EXPECT_EQ(run({"help", "nosuch"}).code, 125);
  for (const auto& command : std::vector<std::vector<std::string>>{
           {"version"}, {"doctor"}, {"system", "recover"}, {"rm", "--all"}, {"network", "ls"}}) {
    std::vector<std::string> longer = command;
    longer.emplace_back("extra");
    EXPECT_THAT(run(longer).err, HasSubstr("too many arguments")) << command[0];
  }
  Output nothing = run({});
  EXPECT_EQ(nothing.code, 125);
  EXPECT_EQ(nothing.out, "");
}

}  // namespace
}  // namespace rcrt::test
