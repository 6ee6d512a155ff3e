// SPDX-License-Identifier: MIT
// Hooks of every kind: when, where, and with what on their standard input.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

class Hooks : public OciTest {
 protected:
  void SetUp() override {
    OciTest::SetUp();
    if (IsSkipped()) return;
    unlink(trace().c_str());
  }
  static std::string trace() { return stage->dir() + "/trace"; }
  // A hook that runs on the machine and notes its kind and the state's status.
  static Json noting(const std::string& kind) {
    std::string script =
        "s=$(cat); echo " + kind + " $(echo \"$s\" | grep -o '\"status\":\"[a-z]*\"') >>" + trace();
    return Json::array(
        {{{"path", "/bin/sh"}, {"args", {"sh", "-c", script}}, {"env", {"PATH=/bin:/usr/bin"}}}});
  }
};

TEST_F(Hooks, AllInTheirOrderWithTheState) {
  Json spec = config("echo process");
  spec["root"]["readonly"] = false;
  for (const char* kind : {"prestart", "createRuntime", "createContainer", "poststart", "poststop"})
    spec["hooks"][kind] = noting(kind);
  spec["hooks"]["startContainer"] = {
      {{"path", "/bin/sh"}, {"args", {"sh", "-c", "grep -o '\"status\":\"[a-z]*\"'; id -u; hostname"}}}};
  ASSERT_EQ(create("c1", spec).code, 0) << container_err();
  EXPECT_EQ(contents(trace()),
            "prestart \"status\":\"created\"\ncreateRuntime \"status\":\"creating\"\n"
            "createContainer \"status\":\"creating\"\n");
  pid_t process = pid("c1");
  Output started = oci_apart({"start", "c1"});
  ASSERT_EQ(started.code, 0) << started;
  EXPECT_NE(contents(trace()).find("poststart \"status\":\"running\"\n"), std::string::npos)
      << contents(trace());
  EXPECT_EQ(wait_for(process), 0);
  EXPECT_EQ(oci({"delete", "c1"}).code, 0);
  EXPECT_NE(contents(trace()).find("poststop \"status\":\"stopped\"\n"), std::string::npos);
}

TEST_F(Hooks, RunHasThemAll) {
  Json spec = config("cat /tmp/by-hook");
  spec["mounts"].push_back({{"destination", "/tmp"}, {"type", "tmpfs"}, {"source", "tmpfs"}});
  for (const char* kind : {"createRuntime", "poststart", "poststop"}) spec["hooks"][kind] = noting(kind);
  spec["hooks"]["startContainer"] = {
      {{"path", "/bin/sh"}, {"args", {"sh", "-c", "echo by hook $HOME >/tmp/by-hook"}}}};
  EXPECT_EQ(run(spec).out, "by hook\n") << "it has no variable but those of its own";
  EXPECT_EQ(contents(trace()),
            "createRuntime \"status\":\"creating\"\npoststart \"status\":\"running\"\n"
            "poststop \"status\":\"stopped\"\n");
  spec["hooks"]["startContainer"][0]["args"] = {"sh", "-c", "exit 3"};
  EXPECT_NE(refused(spec).find("hooks.startContainer[0]"), std::string::npos);
}

TEST_F(Hooks, StartContainerRunsInsideAsTheContainersUser) {
  Json spec = config("cat /tmp/by-hook");
  spec["root"]["readonly"] = false;
  spec["process"]["user"] = {{"uid", 1234}, {"gid", 99}};
  spec["mounts"].push_back(
      {{"destination", "/tmp"}, {"type", "tmpfs"}, {"source", "tmpfs"}, {"options", {"mode=1777"}}});
  spec["hooks"]["startContainer"] = {
      {{"path", "/bin/sh"},
       {"args",
        {"sh", "-c",
         "{ id -u; id -g; grep -o '\"status\":\"[a-z]*\"'; grep CapEff /proc/self/status; } >/tmp/by-hook"}},
       {"env", {"PATH=/bin"}}}};
  ASSERT_EQ(create("c1", spec).code, 0) << container_err();
  pid_t process = pid("c1");
  Output started = oci({"start", "c1"});
  ASSERT_EQ(started.code, 0) << started;
  EXPECT_EQ(wait_for(process), 0);
  EXPECT_EQ(container_out(), "1234\n99\n\"status\":\"created\"\nCapEff:\t0000000000000000\n");
}

TEST_F(Hooks, CreateContainerSeesTheMachinesFilesInTheContainersNamespaces) {
  stage->file("rootfs/etc/hooked", "in the root");
  Json spec = config("true");
  spec["hooks"]["createContainer"] = {
      {{"path", "/bin/sh"},
       {"args",
        {"sh", "-c",
         "readlink /proc/self/ns/net; ls -d " + stage->dir() + "; cat etc/hooked; touch by-hook; exit 1"}},
       {"env", {"PATH=/bin:/usr/bin"}}}};
  Output output = create("c1", spec);
  EXPECT_EQ(output.code, 1);
  char own[64] = {};
  ASSERT_GT(readlink("/proc/self/ns/net", own, sizeof own - 1), 0);
  EXPECT_NE(output.err.find("net:["), output.err.npos) << output;
  EXPECT_EQ(output.err.find(own), output.err.npos) << "it has a network of its own";
  EXPECT_NE(output.err.find(stage->dir()), output.err.npos) << output;
  EXPECT_NE(output.err.find("in the root"), output.err.npos)
      << "it begins in the container's root: " << output;
  EXPECT_EQ(unlink((rootfs() + "/by-hook").c_str()), 0);
  EXPECT_EQ(unlink((rootfs() + "/etc/hooked").c_str()), 0);
  EXPECT_EQ(leftovers(), "");
}

// As tools do that give a container its devices: below the path that the bundle has for the root.
TEST_F(Hooks, WhatTheyMountBelowTheRootIsTheContainers) {
  const std::string folder = rootfs() + "/hooked", source = stage->file("tool", "mounted\n");
  auto mounting = [&](const std::string& kind) {
    const bool inside = kind == "createContainer";
    std::ofstream(folder + "/" + kind) << "not mounted\n";
    const std::string script = "pid=$(grep -o '\"pid\":[0-9]*' | cut -d: -f2); " +
                               std::string(inside ? "" : "nsenter -t $pid -m ") + "mount --bind " + source +
                               " " + folder + "/" + kind;
    return Json::array(
        {{{"path", "/bin/sh"}, {"args", {"sh", "-c", script}}, {"env", {"PATH=/usr/bin:/bin"}}}});
  };
  std::filesystem::create_directory(folder);
  Json spec = config("cat /hooked/*");
  for (const char* kind : {"prestart", "createRuntime", "createContainer"})
    spec["hooks"][kind] = mounting(kind);
  Json users = spec, shared = spec;
  users["linux"]["namespaces"].push_back({{"type", "user"}});
  users["linux"]["uidMappings"] =
      users["linux"]["gidMappings"] = {{{"containerID", 0}, {"hostID", 0}, {"size", 1000}}};
  std::erase_if(shared["linux"]["namespaces"].get_ref<Json::array_t&>(),
                [](const Json& space) { return space["type"] == "mount"; });
  shared["linux"].erase("maskedPaths"), shared["linux"].erase("readonlyPaths");
  for (const auto& [container, options] :
       {std::pair{spec, std::vector<std::string>()}, {spec, {"--no-pivot"}}, {users, {}}, {shared, {}}}) {
    Output output = run(container, options);
    EXPECT_EQ(output.code, 0) << output;
    EXPECT_EQ(output.out, "mounted\nmounted\nmounted\n") << output;
    EXPECT_EQ(contents("/proc/self/mountinfo").find("/hooked/"), std::string::npos);
  }
  std::filesystem::remove_all(folder);
}

// A user namespace whose root may not go to the bundle: there hooks have no root, but they run.
TEST_F(Hooks, TheyRunWhereTheRootIsOutOfReach) {
  const std::filesystem::path closed = stage->dir() + "/closed";
  std::filesystem::create_directory(closed);
  std::filesystem::copy(
      rootfs(), closed / "rootfs",
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
  std::filesystem::permissions(closed, std::filesystem::perms::owner_all);
  Json spec = config("echo ran");
  spec["root"]["path"] = closed / "rootfs";
  spec["linux"]["namespaces"].push_back({{"type", "user"}});
  spec["linux"]["uidMappings"] =
      spec["linux"]["gidMappings"] = {{{"containerID", 0}, {"hostID", 100000}, {"size", 1000}}};
  spec["hooks"]["createContainer"] = noting("createContainer");
  spec["hooks"]["createRuntime"] = noting("createRuntime");
  Output output = run(spec);
  EXPECT_EQ(output.out, "ran\n") << output;
  EXPECT_NE(contents(trace()).find("createRuntime"), std::string::npos);
  std::filesystem::remove_all(closed);
}

TEST_F(Hooks, WhatOneThatFailsWroteIsInTheErrorAndItsVariablesAreItsOwn) {
  for (const char* kind : {"prestart", "createRuntime", "createContainer", "startContainer", "poststart"}) {
    Json spec = config("sleep 1000");
    spec["process"]["env"].push_back("OF=container");
    spec["hooks"][kind] = {
        {{"path", "/bin/sh"},
         {"args",
          {"sh", "-c",
           "read pid rest </proc/self/stat; tr '\\0' ' ' </proc/$pid/environ; echo why >&2; exit 3"}},
         {"env", {"A=1", "B=2"}}}};
    Output output = oci({"run", "--bundle", bundle(spec), "c1"});
    EXPECT_EQ(output.code, 1) << kind;
    EXPECT_EQ(output.out, "") << kind;
    EXPECT_NE(output.err.find("failed with exit status 3 \"/bin/sh\": A=1 B=2 why\n"), output.err.npos)
        << kind << output;
  }
}

TEST_F(Hooks, OneThatFailsStopsTheCreation) {
  for (const char* kind : {"prestart", "createRuntime", "createContainer"}) {
    Json spec = config("echo ran");
    spec["hooks"][kind] = {{{"path", "/bin/sh"}, {"args", {"sh", "-c", "echo why >&2; exit 3"}}}};
    spec["hooks"]["poststop"] = noting("poststop");
    Output output = create("c1", spec);
    EXPECT_EQ(output.code, 1) << kind;
    EXPECT_NE(output.err.find(std::string("hooks.") + kind + "[0]"), output.err.npos) << output;
    EXPECT_NE(output.err.find("why"), output.err.npos) << output;
    EXPECT_EQ(leftovers(), "");
  }
}

TEST_F(Hooks, OneOfStartThatFailsStopsTheContainer) {
  for (const char* kind : {"startContainer", "poststart"}) {
    Json spec = config("sleep 1000");
    spec["hooks"][kind] = {{{"path", "/bin/sh"}, {"args", {"sh", "-c", "exit 3"}}}};
    spec["hooks"]["poststop"] = noting("poststop");
    ASSERT_EQ(create("c1", spec).code, 0) << kind;
    const pid_t process = pid("c1");
    Output started = oci_apart({"start", "c1"});
    EXPECT_EQ(started.code, 1) << kind;
    EXPECT_NE(started.err.find(std::string("hooks.") + kind + "[0]"), started.err.npos) << started;
    EXPECT_EQ(status("c1"), "stopped") << kind;
    EXPECT_EQ(wait_for(process), 128 + SIGKILL) << kind;
    EXPECT_EQ(oci({"start", "c1"}).code, 1) << kind;
    unlink(trace().c_str());
    EXPECT_EQ(oci({"delete", "c1"}).code, 0) << kind;
    EXPECT_EQ(contents(trace()), "poststop \"status\":\"stopped\"\n") << kind;
  }
}

TEST_F(Hooks, ATimeoutKillsTheHookAndWhatItStarted) {
  Json spec = config("true");
  std::string mark = stage->dir() + "/mark";
  spec["hooks"]["createRuntime"] = {{{"path", "/bin/sh"},
                                     {"args", {"sh", "-c", "sleep 1000 & echo $! >" + mark + "; wait"}},
                                     {"env", {"PATH=/bin:/usr/bin"}},
                                     {"timeout", 1}}};
  Output output = create("c1", spec);
  EXPECT_EQ(output.code, 1);
  EXPECT_NE(output.err.find("timeout of 1 s"), output.err.npos) << output;
  pid_t sleeper = std::stoi(contents(mark));
  EXPECT_TRUE(eventually([&] {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    return kill(sleeper, 0) != 0;
  }));
}

TEST_F(Hooks, AFailingPoststopIsLoggedOnly) {
  Json spec = config("true");
  spec["hooks"]["poststop"] = {{{"path", "/bin/false"}}, noting("poststop")[0]};
  ASSERT_EQ(create("c1", spec).code, 0);
  std::string log = stage->dir() + "/hook.log";
  EXPECT_EQ(oci({"--log", log, "delete", "-f", "c1"}).code, 0);
  EXPECT_NE(contents(log).find("level=warning"), std::string::npos) << contents(log);
  EXPECT_EQ(contents(trace()), "poststop \"status\":\"stopped\"\n") << "the others run";
  ASSERT_EQ(create("c1", spec).code, 0);
  Output output = oci({"delete", "-f", "c1"});
  EXPECT_EQ(output.code, 0);
  EXPECT_NE(output.err.find("hooks.poststop[0] failed with exit status 1"), output.err.npos) << output;
}

TEST_F(Hooks, BadOnesAreRefusedBeforeAnythingIsMade) {
  for (auto [hook, path] : {std::pair<Json, const char*>{{{"path", "relative"}}, "hooks.poststop[0].path"},
                            {{{"args", {"x"}}}, "hooks.poststop[0].path"},
                            {{{"path", "/x"}, {"timeout", 0}}, "hooks.poststop[0].timeout"},
                            {{{"path", "/x"}, {"args", {1}}}, "hooks.poststop[0].args[0]"},
                            {{{"path", "/x"}, {"env", "A=1"}}, "hooks.poststop[0].env"},
                            {1, "hooks.poststop[0]"}}) {
    Json spec = config("true");
    spec["hooks"]["poststop"] = {hook};
    std::string said = refused(spec);
    EXPECT_NE(said.find(path), said.npos) << said;
  }
}

}  // namespace
}  // namespace rcrt::test
