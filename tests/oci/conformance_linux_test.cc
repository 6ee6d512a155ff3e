// SPDX-License-Identifier: MIT
// config.json, "linux": namespaces, mappings, devices, kernel settings.
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;

struct Space {
  const char *type, *file;
};
constexpr Space kSpaces[] = {{"pid", "pid"}, {"network", "net"},   {"mount", "mnt"}, {"ipc", "ipc"},
                             {"uts", "uts"}, {"cgroup", "cgroup"}, {"time", "time"}};

class LinuxConformance : public OciTest {
 protected:
  static std::string link_of(pid_t pid, const std::string& file) {
    return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/" + file).string();
  }
  // Of a container, as the machine sees it.
  static std::string link_in(const Json& spec, const std::string& file) {
    Output created = create("c1", spec);
    EXPECT_EQ(created.code, 0) << created;
    if (created.code != 0) return {};
    const pid_t process = pid("c1");
    std::string link = link_of(process, file);
    oci({"delete", "--force", "c1"});
    wait_for(process);  // a pid namespace does not end before all in it are reaped
    return link;
  }
  static Json without(Json spec, const std::string& type) {
    std::erase_if(spec["linux"]["namespaces"].get_ref<Json::array_t&>(),
                  [&](const Json& space) { return space["type"] == type; });
    return spec;
  }
  static Json with(const Json& spec, const std::string& type, const std::string& path = {}) {
    Json changed = without(spec, type);
    changed["linux"]["namespaces"].push_back({{"type", type}});
    if (!path.empty()) changed["linux"]["namespaces"].back()["path"] = path;
    return changed;
  }
  static Json mapped(Json spec, int host) {
    spec = with(spec, "user");
    spec["linux"]["uidMappings"] = {{{"containerID", 0}, {"hostID", host}, {"size", 1000}}};
    spec["linux"]["gidMappings"] = {{{"containerID", 0}, {"hostID", host + 1000}, {"size", 1000}}};
    return spec;
  }
  // linux.MEMBER = value is refused in one line.
  static void expect_refused(const char* member, const Json& value, const char* path, const char* shown,
                             const char* allowed) {
    Json spec = config("true");
    spec["linux"][member] = value;
    expect_invalid(spec, std::string("linux.") + path, shown, allowed);
  }
};

TEST_F(LinuxConformance, NewNamespaces) {
  for (const Space& space : kSpaces)
    EXPECT_NE(link_in(with(config("true"), space.type), space.file), link_of(getpid(), space.file))
        << space.type;
}

TEST_F(LinuxConformance, NamespacesThatAreNotNamedAreOurs) {
  for (const Space& space : kSpaces) {
    Json spec = without(config("true"), space.type);
    spec.erase("hostname");
    EXPECT_EQ(link_in(spec, space.file), link_of(getpid(), space.file)) << space.type;
  }
}

TEST_F(LinuxConformance, WithoutAMountNamespaceTheMachineSeesNothing) {
  std::string before = contents("/proc/self/mountinfo");
  Output output =
      run(without(config("cat /etc/passwd; test -e /proc/self && test -c /dev/null && echo here"), "mount"));
  EXPECT_THAT(output.out, HasSubstr("root:")) << output;
  EXPECT_THAT(output.out, HasSubstr("here\n")) << output;
  EXPECT_EQ(contents("/proc/self/mountinfo"), before);
}

TEST_F(LinuxConformance, NamespacesByPath) {
  Json other = with(config("sleep 1000"), "time");
  ASSERT_EQ(create("other", other).code, 0);
  const pid_t process = pid("other");
  for (const Space& space : kSpaces) {
    std::string path = "/proc/" + std::to_string(process) + "/ns/" + space.file;
    EXPECT_EQ(link_in(with(config("true"), space.type, path), space.file), link_of(process, space.file))
        << space.type;
    if (space.type != std::string("ipc")) {
      EXPECT_THAT(refused(with(config("true"), "ipc", path)), HasSubstr("a namespace of another type"));
    }
  }
  EXPECT_THAT(refused(with(config("true"), "ipc", "/etc/passwd")), HasSubstr("not a namespace"));
  EXPECT_THAT(refused(with(config("true"), "ipc", "relative")), HasSubstr("it must be an absolute path"));
  EXPECT_THAT(refused(with(config("true"), "ipc", "/nosuch")), HasSubstr("cannot open the namespace"));
}

TEST_F(LinuxConformance, NamespacesRefused) {
  expect_refused("namespaces", {{{"type", "x"}}}, "namespaces[0].type", "x", "use pid, network, mount");
  expect_refused("namespaces", {{{"type", "ipc"}}, {{"type", "ipc"}}}, "namespaces[1].type", "ipc",
                 "given twice");
  expect_refused("namespaces", {{{"type", 1}}}, "namespaces[0].type", "1", "a string");
}

TEST_F(LinuxConformance, UserNamespacesAndMappings) {
  Json spec = mapped(config("sed 's/  */ /g' /proc/self/uid_map /proc/self/gid_map; id -u"), 100000);
  EXPECT_EQ(run(spec).out, " 0 100000 1000\n 0 101000 1000\n0\n");
  EXPECT_EQ(link_in(config("true"), "user"), link_of(getpid(), "user"));
  expect_refused("uidMappings", {{{"containerID", 0}, {"hostID", 1}, {"size", 1}}}, "uidMappings", "",
                 "of type user");
  Json wrong = mapped(config("true"), 1);
  wrong["linux"]["uidMappings"][0]["size"] = 0;
  EXPECT_THAT(refused(wrong), HasSubstr("linux.uidMappings[0].size \"0\"; it must be 1 or more"));
  wrong["linux"].erase("uidMappings");
  EXPECT_THAT(refused(wrong), HasSubstr("needs uidMappings and gidMappings"));
}

TEST_F(LinuxConformance, AJoinedUserNamespaceWithNewOnes) {
  ASSERT_EQ(create("other", mapped(config("sleep 1000"), 100000)).code, 0);
  const std::string path = "/proc/" + std::to_string(pid("other")) + "/ns/user";
  Json spec =
      with(config("echo $$; id -u; cat /proc/self/uid_map | sed 's/  */ /g'; cat /proc/self/oom_score_adj"),
           "user", path);
  spec["process"]["oomScoreAdj"] = 55;
  Output output = run(spec);
  EXPECT_EQ(output.out, "1\n0\n 0 100000 1000\n55\n") << output;
  EXPECT_EQ(link_in(with(config("true"), "user", path), "user"), link_of(pid("other"), "user"));
  const std::string pids = "/proc/" + std::to_string(pid("other")) + "/ns/pid";
  output = run(with(spec, "pid", pids));
  EXPECT_THAT(output.out, HasSubstr("\n0\n 0 100000 1000\n55\n")) << output;
}

TEST_F(LinuxConformance, TimeOffsets) {
  Json spec = with(config("cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets"), "time");
  spec["linux"]["timeOffsets"] = {{"boottime", {{"secs", 1000000}, {"nanosecs", 5}}},
                                  {"monotonic", {{"secs", -3}}}};
  Output output = run(spec);
  EXPECT_GE(std::stol(output.out), 1000000) << output;
  EXPECT_THAT(output.out, testing::ContainsRegex("monotonic +-3 +0\nboottime +1000000 +5\n"));
  spec["linux"]["timeOffsets"] = {{"realtime", Json::object()}};
  EXPECT_THAT(refused(spec), HasSubstr("realtime\"; use monotonic or boottime"));
  spec["linux"]["timeOffsets"] = {{"boottime", {{"nanosecs", -1}}}};
  EXPECT_THAT(refused(spec), HasSubstr("linux.timeOffsets.boottime.nanosecs \"-1\""));
  expect_refused("timeOffsets", {{"boottime", {{"secs", 1}}}}, "timeOffsets", "", "of type time");
}

TEST_F(LinuxConformance, Devices) {
  Json spec =
      config("stat -c '%n %F %t:%T %a %u:%g' /dev/x/fuse /dev/disk /dev/fifo /dev/null /dev/unbuffered");
  spec["linux"]["devices"] = {{{"path", "/dev/x/fuse"},
                               {"type", "c"},
                               {"major", 10},
                               {"minor", 229},
                               {"fileMode", 0640},
                               {"uid", 3},
                               {"gid", 4}},
                              {{"path", "/dev/disk"}, {"type", "b"}, {"major", 7}, {"minor", 0}},
                              {{"path", "/dev/fifo"}, {"type", "p"}, {"fileMode", 0600}},
                              {{"path", "/dev/unbuffered"}, {"type", "u"}, {"major", 1}, {"minor", 5}}};
  EXPECT_EQ(run(spec).out,
            "/dev/x/fuse character special file a:e5 640 3:4\n/dev/disk block special file 7:0 666 0:0\n"
            "/dev/fifo fifo 0:0 600 0:0\n/dev/null character special file 1:3 666 0:0\n"
            "/dev/unbuffered character special file 1:5 666 0:0\n");
  auto device = [](const char* member, const Json& value) {
    Json one = {{"path", "/dev/x"}, {"type", "c"}, {"major", 1}, {"minor", 3}};
    one[member] = value;
    return Json::array({one});
  };
  expect_refused("devices", device("type", "d"), "devices[0].type", "d", "use c, b, u or p");
  expect_refused("devices", device("path", "dev/x"), "devices[0].path", "dev/x", "absolute");
  expect_refused("devices", device("major", -1), "devices[0].major", "-1", "from 0");
  expect_refused("devices", device("minor", nullptr), "devices[0].minor", "", "required");
  expect_refused("devices", device("fileMode", "rw"), "devices[0].fileMode", "rw", "whole number");
}

TEST_F(LinuxConformance, NetDevicesKeepTheirAddresses) {
  ASSERT_EQ(
      system("ip link add rcrt-peer type veth peer name rcrt-dev && "
             "ip address add 192.0.2.5/24 dev rcrt-dev && ip address add 2001:db8::5/64 dev rcrt-dev nodad"),
      0);
  Json spec = config(
      "ip -o link show inside0 | grep -c ,UP; ip -o address show inside0 | awk '{print $4}' | grep -v ^fe80");
  spec["linux"]["netDevices"] = {{"rcrt-dev", {{"name", "inside%d"}}}};
  Output output = run(spec);
  EXPECT_EQ(output.out, "1\n192.0.2.5/24\n2001:db8::5/64\n") << output;
  EXPECT_NE(system("ip link show rcrt-dev 2>/dev/null"), 0);
  spec["linux"]["netDevices"] = {{"rcrt-none", Json::object()}};
  EXPECT_THAT(refused(spec), HasSubstr("cannot find the network device of linux.netDevices.rcrt-none"));
  spec["linux"]["netDevices"] = {{"lo", {{"name", "a/b"}}}};
  EXPECT_THAT(refused(spec), HasSubstr("linux.netDevices.lo.name \"a/b\"; it must be a device's name"));
  spec["linux"]["netDevices"] = {{"lo", Json::object()}};
  EXPECT_THAT(refused(spec), HasSubstr("cannot move the network device"));
  EXPECT_THAT(refused(without(spec, "network")), HasSubstr("linux.netDevices"));
}

TEST_F(LinuxConformance, Sysctl) {
  Json spec = config("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni");
  spec["linux"]["sysctl"] = {{"net.ipv4.ip_forward", "1"}, {"kernel.shmmni", "55"}};
  EXPECT_EQ(run(spec).out, "1\n55\n");
  expect_refused("sysctl", {{"kernel.panic", "1"}}, "sysctl.kernel.panic", "kernel.panic",
                 "would change the machine");
  expect_refused("sysctl", {{"net.ipv4.ip_forward", 1}}, "sysctl.net.ipv4.ip_forward", "1", "a string");
  expect_refused("sysctl", {{"net.ipv4.ip_forward", "1\n2"}}, "sysctl.net.ipv4.ip_forward", "", "one line");
}

TEST_F(LinuxConformance, MaskedAndReadonlyPaths) {
  Json spec =
      config("cat /proc/version | wc -c; ls /sys/kernel | wc -l; echo 1 > /proc/sys/net/ipv4/ip_forward");
  spec["linux"]["maskedPaths"] = {"/proc/version", "/sys/kernel", "/nosuch"};
  spec["linux"]["readonlyPaths"] = {"/proc/sys", "/nosuch"};
  Output output = run(spec);
  EXPECT_EQ(output.out, "0\n0\n");
  EXPECT_THAT(output.err, HasSubstr("Read-only file system"));
  for (const char* member : {"maskedPaths", "readonlyPaths"}) {
    expect_refused(member, {"relative"}, (std::string(member) + "[0]").c_str(), "relative", "absolute");
    expect_refused(member, {"/"}, (std::string(member) + "[0]").c_str(), "/", "the root itself");
  }
}

TEST_F(LinuxConformance, Personality) {
  Json spec = config("uname -m");
  spec["linux"]["personality"] = {{"domain", "LINUX32"}};
  EXPECT_EQ(run(spec).out, "i686\n");
  spec["linux"]["personality"] = {{"domain", "LINUX"}};
  EXPECT_EQ(run(spec).out, "x86_64\n");
  expect_refused("personality", {{"domain", "BSD"}}, "personality.domain", "BSD", "LINUX or LINUX32");
  expect_refused("personality", {{"domain", "LINUX"}, {"flags", {"X"}}}, "personality.flags", "", "no flag");
}

TEST_F(LinuxConformance, MemoryPolicy) {
  auto shown = [](const Json& policy) {
    Json spec = config("head -1 /proc/self/numa_maps | sed 's/^[^ ]* //; s/ file=.*//'");
    spec["linux"]["memoryPolicy"] = policy;
    Output output = run(spec);
    EXPECT_EQ(output.code, 0) << output;
    return output.out;
  };
  EXPECT_EQ(shown({{"mode", "MPOL_DEFAULT"}}), "default\n");
  EXPECT_EQ(shown({{"mode", "MPOL_LOCAL"}}), "local\n");
  EXPECT_EQ(shown({{"mode", "MPOL_BIND"}, {"nodes", "0"}}), "bind:0\n");
  EXPECT_EQ(shown({{"mode", "MPOL_INTERLEAVE"}, {"nodes", "0"}}), "interleave:0\n");
  EXPECT_EQ(shown({{"mode", "MPOL_PREFERRED"}, {"nodes", "0"}, {"flags", {"MPOL_F_STATIC_NODES"}}}),
            "prefer=static:0\n");
  EXPECT_EQ(shown({{"mode", "MPOL_PREFERRED_MANY"}, {"nodes", "0"}}), "prefer (many):0\n");
  EXPECT_EQ(shown({{"mode", "MPOL_WEIGHTED_INTERLEAVE"}, {"nodes", "0"}}), "weighted interleave:0\n");
  EXPECT_EQ(shown({{"mode", "MPOL_BIND"}, {"nodes", "0"}, {"flags", {"MPOL_F_RELATIVE_NODES"}}}),
            "bind=relative:0\n");
  EXPECT_EQ(shown({{"mode", "MPOL_BIND"}, {"nodes", "0"}, {"flags", {"MPOL_F_NUMA_BALANCING"}}}),
            "bind=balancing:0\n");
  expect_refused("memoryPolicy", {{"mode", "MPOL_X"}}, "memoryPolicy.mode", "MPOL_X", "MPOL_DEFAULT");
  expect_refused("memoryPolicy", {{"mode", "MPOL_BIND"}, {"nodes", "a"}}, "memoryPolicy.nodes", "a", "0-3,7");
  expect_refused("memoryPolicy", {{"mode", "MPOL_BIND"}, {"nodes", "0"}, {"flags", {"X"}}},
                 "memoryPolicy.flags[0]", "X", "MPOL_F_STATIC_NODES");
  Json spec = config("true");
  spec["linux"]["memoryPolicy"] = {{"mode", "MPOL_BIND"}};
  EXPECT_THAT(refused(spec),
              HasSubstr("cannot set the memory policy: invalid argument; see linux.memoryPolicy "
                        "{\"mode\":\"MPOL_BIND\"}"));
}

// Where there is no systemd to ask, a path is one below the root of cgroup v2, absolute or not.
TEST_F(LinuxConformance, CgroupsPath) {
  auto place = [](const Json& path) {
    Json spec = config("true");
    spec["linux"]["cgroupsPath"] = path;
    EXPECT_EQ(create("c1", spec).code, 0) << path;
    std::string text = contents("/proc/" + std::to_string(pid("c1")) + "/cgroup");
    text.erase(0, text.find("0::"));
    EXPECT_EQ(oci({"delete", "--force", "c1"}).code, 0);
    return text.substr(0, text.find('\n'));
  };
  const std::string name = "rcrt-oci-" + std::to_string(getpid());
  EXPECT_EQ(place("/" + name + "/absolute"), "0::/" + name + "/absolute");
  EXPECT_EQ(place(name + "/relative"), "0::/" + name + "/relative");
  EXPECT_EQ(place("//" + name + "//folded/"), "0::/" + name + "/folded");
  EXPECT_EQ(place(""), "0::/rcrt-oci/c1");
  EXPECT_EQ(place(nullptr), "0::/rcrt-oci/c1");
  expect_refused("cgroupsPath", "/", "cgroupsPath", "/", "below the root");
  expect_refused("cgroupsPath", 5, "cgroupsPath", "5", "a string");
}

TEST_F(LinuxConformance, IntelRdtNeedsResctrl) {
  expect_refused("intelRdt", {{"closID", "group"}}, "intelRdt", "", "no resctrl file system is mounted");
}

TEST_F(LinuxConformance, TypesAreCheckedAlsoOfWhatMeansNothing) {
  expect_refused("mountLabel", 5, "mountLabel", "5", "it must be a string");
  expect_refused("cgroupsPath", "../../x", "cgroupsPath", "../../x", "upwards");
  expect_refused("cgroupsPath", "/a/..", "cgroupsPath", "/a/..", "upwards");
}

TEST_F(LinuxConformance, WhatTheKernelRefusesIsNamedByItsPlace) {
  Json spec = config("true");
  spec["linux"]["sysctl"] = {{"net.ipv4.ip_forward", "1"}, {"net.ipv4.no_such", "some value"}};
  EXPECT_THAT(refused(spec), HasSubstr("see linux.sysctl.net.ipv4.no_such \"some value\""));
  spec = config("true");
  spec["linux"]["namespaces"].push_back({{"type", "user"}});
  spec["linux"]["uidMappings"] = {{{"containerID", 0}, {"hostID", 0}, {"size", 10}}};
  spec["linux"]["gidMappings"] = {{{"containerID", 0}, {"hostID", 0}, {"size", 10}},
                                  {{"containerID", 5}, {"hostID", 100}, {"size", 10}}};
  EXPECT_THAT(refused(spec), HasSubstr("see linux.gidMappings"));
}

TEST_F(LinuxConformance, AMountLabelMeansNothingWithoutSelinux) {
  if (contents("/proc/filesystems").find("selinuxfs") != std::string::npos) GTEST_SKIP() << "SELinux is here";
  Json spec = config("echo ran");
  spec["linux"]["mountLabel"] = "system_u:object_r:svirt_sandbox_file_t:s0:c1,c2";
  std::string log = stage->dir() + "/label.log";
  EXPECT_EQ(oci({"--log", log, "run", "--bundle", bundle(spec), "run"}).out, "ran\n");
  EXPECT_THAT(contents(log), HasSubstr("linux.mountLabel: this kernel has no SELinux"));
}

}  // namespace
}  // namespace rcrt::test
