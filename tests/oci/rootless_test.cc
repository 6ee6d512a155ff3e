// SPDX-License-Identifier: MIT
// rcrt-oci for a user who is not root, and for root of a user namespace.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/oci/descriptor_socket.h"
#include "tests/oci/user_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;

class Rootless : public UserTest {
 protected:
  // What `spec --rootless` writes for the user, with another command.
  static Json rootless_config(const std::string& script) {
    static const Json base = [] {
      unlink((home() + "/config.json").c_str());
      EXPECT_EQ(user({"spec", "--rootless", "--bundle", home()}).code, 0);
      Json spec = Json::parse(contents(home() + "/config.json"));
      spec["process"]["terminal"] = false;
      return spec;
    }();
    Json spec = base;
    spec["process"]["args"] = {"sh", "-c", script};
    return spec;
  }
  // With all the user's ids.
  static Json mapped_config(const std::string& script) {
    Json spec = rootless_config(script);
    for (const char* kind : {"uidMappings", "gidMappings"})
      spec["linux"][kind].push_back({{"containerID", 1}, {"hostID", kFirst}, {"size", kCount}});
    return spec;
  }
  static std::string user_bundle(const Json& config) {
    std::ofstream(home() + "/config.json") << config.dump();
    return home();
  }
  static Output user_run(const Json& config) { return user({"run", "--bundle", user_bundle(config), "r"}); }
  static Output user_create(const Json& config) {
    return user_apart({"create", "--bundle", user_bundle(config), "--pid-file", home() + "/pid", "c"});
  }
  static std::string user_status() {
    Output output = user({"state", "c"});
    return output.code == 0 ? Json::parse(output.out)["status"].get<std::string>() : output.err;
  }
  // The one line of a run that must not start, and leaves nothing.
  static std::string user_refused(const Json& config) {
    Output output = user_run(config);
    EXPECT_EQ(output.code, 1) << output;
    EXPECT_EQ(std::ranges::count(output.err, '\n'), 1) << output;
    EXPECT_EQ(left(), "");
    return output.err;
  }
};

TEST_F(Rootless, TheSpecRunsAsItIs) {
  unlink((home() + "/config.json").c_str());
  ASSERT_EQ(user({"spec", "--rootless", "--bundle", home()}).code, 0);
  Output output = user({"run", "--bundle", home(), "r"},
                       "id -u; cat /proc/self/uid_map /proc/self/setgroups; hostname; tty; exit 7\n");
  EXPECT_EQ(output.code, 7) << output;
  EXPECT_THAT(output.out, HasSubstr("0       4321          1"));
  EXPECT_THAT(output.out, HasSubstr("deny"));
  EXPECT_THAT(output.out, HasSubstr("/dev/pts/"));
}

TEST_F(Rootless, ALifeWithAllOnesIds) {
  Output created = user_create(mapped_config("touch /tmp/made; echo ran; sleep 1000"));
  ASSERT_EQ(created.code, 0) << created;
  const pid_t process = std::stoi(contents(home() + "/pid"));
  EXPECT_EQ(user_status(), "created");
  EXPECT_EQ(contents("/proc/" + std::to_string(process) + "/setgroups"), "allow\n");
  ASSERT_EQ(user({"start", "c"}).code, 0);
  EXPECT_TRUE(eventually([] { return contents(home() + "/out") == "ran\n"; }));
  EXPECT_EQ(user_status(), "running");
  Output inside = user({"exec", "--user", "5:6", "--additional-gids", "7", "c", "sh", "-c",
                        "id -u; id -G; cat /proc/self/uid_map /proc/self/gid_map; exit 9"});
  EXPECT_EQ(inside.code, 9) << inside;
  EXPECT_EQ(inside.out,
            "5\n6 7\n         0       4321          1\n         1     300000      65536\n"
            "         0       4321          1\n         1     300000      65536\n");
  EXPECT_EQ(Json::parse(user({"list", "-f", "json"}).out)[0]["owner"], "somebody");
  EXPECT_EQ(user({"exec", "c", "nosuch"}).code, 255);
  EXPECT_EQ(user({"delete", "c"}).code, 1) << "it runs";
  EXPECT_EQ(user({"kill", "c", "KILL"}).code, 0);
  EXPECT_EQ(wait_for(process), 128 + SIGKILL);
  EXPECT_EQ(user({"delete", "c"}).code, 0);
}

TEST_F(Rootless, FilesBelongToTheMappedIds) {
  Json spec = mapped_config("touch /tmp/made; stat -c %u:%g /tmp/made /etc/passwd");
  spec["process"]["user"] = {{"uid", 8}, {"gid", 9}};
  std::filesystem::create_directory(home() + "/shared");
  EXPECT_EQ(chmod((home() + "/shared").c_str(), 0777), 0);
  spec["mounts"].push_back(
      {{"destination", "/tmp"}, {"type", "bind"}, {"source", home() + "/shared"}, {"options", {"rbind"}}});
  EXPECT_EQ(user_run(spec).out, "8:9\n0:0\n");
  struct stat file = {};
  EXPECT_EQ(stat((home() + "/shared/made").c_str(), &file), 0);
  EXPECT_EQ(file.st_uid, kFirst + 7u);
  EXPECT_EQ(file.st_gid, kFirst + 8u);
}

TEST_F(Rootless, ProcessesOfOtherIdsAreReached) {
  Json spec = mapped_config("sleep 1000 & exec sleep 1000");
  spec["process"]["user"] = {{"uid", 33}, {"gid", 33}};
  ASSERT_EQ(user_create(spec).code, 0) << contents(home() + "/err");
  const pid_t process = std::stoi(contents(home() + "/pid"));
  ASSERT_EQ(user({"start", "c"}).code, 0);
  EXPECT_TRUE(eventually([] { return Json::parse(user({"ps", "-f", "json", "c"}).out).size() == 2; }));
  EXPECT_EQ(user({"kill", "--all", "c", "KILL"}).code, 0);
  EXPECT_EQ(wait_for(process), 128 + SIGKILL);
}

TEST_F(Rootless, HooksRunWhereTheyAreAskedFor) {
  const std::string trace = home() + "/trace";
  unlink(trace.c_str());
  Json spec = mapped_config("true");
  const Json hook = {{{"path", "/bin/sh"},
                      {"args", {"sh", "-c", "{ readlink /proc/self/ns/user; id -u; } >>" + trace}},
                      {"env", {"PATH=/bin:/usr/bin"}}}};
  for (const char* kind : {"prestart", "createRuntime", "poststart", "poststop"}) spec["hooks"][kind] = hook;
  spec["process"]["args"] = {"cat", "/dev/shm/by-hook"};
  spec["hooks"]["startContainer"] = {
      {{"path", "/bin/sh"}, {"args", {"sh", "-c", "{ id -u; cat /proc/self/uid_map; } >/dev/shm/by-hook"}}}};
  spec["hooks"]["createContainer"] = {
      {{"path", "/bin/sh"}, {"args", {"sh", "-c", "id -u >>" + trace}}, {"env", {"PATH=/bin:/usr/bin"}}}};
  ASSERT_EQ(user_create(spec).code, 0) << contents(home() + "/err");
  const pid_t process = std::stoi(contents(home() + "/pid"));
  Output started = user({"start", "c"});
  ASSERT_EQ(started.code, 0) << started;
  EXPECT_EQ(wait_for(process), 0);
  EXPECT_THAT(contents(home() + "/out"), HasSubstr("0\n         0       4321          1\n"));
  EXPECT_EQ(user({"delete", "c"}).code, 0);
  char own[64] = {};
  ASSERT_GT(readlink("/proc/self/ns/user", own, sizeof own - 1), 0);
  const std::string outside = own + std::string("\n4321\n");
  EXPECT_EQ(contents(trace), outside + outside + "0\n" + outside + outside);

  spec["hooks"]["createRuntime"] = {{{"path", "/bin/sh"}, {"args", {"sh", "-c", "echo why >&2; exit 3"}}}};
  std::string error = user_refused(spec);
  EXPECT_THAT(error, HasSubstr("hooks.createRuntime[0] failed with exit status 3"));
  EXPECT_THAT(error, HasSubstr("why"));
}

TEST_F(Rootless, ATerminalGoesToTheConsoleSocket) {
  Json spec = mapped_config("tty; test -c /dev/console && echo console");
  spec["process"]["terminal"] = true;
  DescriptorSocket console(home() + "/console");
  ASSERT_EQ(user_apart({"create", "--bundle", user_bundle(spec), "--pid-file", home() + "/pid",
                        "--console-socket", home() + "/console", "c"})
                .code,
            0)
      << contents(home() + "/err");
  ASSERT_EQ(user({"start", "c"}).code, 0);
  EXPECT_THAT(read_terminal(console.receive().get()), HasSubstr("console"));
  EXPECT_EQ(wait_for(std::stoi(contents(home() + "/pid"))), 0);
}

TEST_F(Rootless, IdsThatAreNotTheUsersAreRefused) {
  Json spec = rootless_config("true");
  spec["linux"]["uidMappings"][0]["hostID"] = 0;
  EXPECT_THAT(user_refused(spec), HasSubstr("newuidmap: "));
  spec = mapped_config("true");
  spec["linux"]["gidMappings"][1]["hostID"] = kFirst + 1;
  std::string error = user_refused(spec);
  EXPECT_THAT(error, HasSubstr("newgidmap: "));
  EXPECT_THAT(error, HasSubstr("/etc/subgid"));
}

TEST_F(Rootless, NobodysHelpIsNeededForOnesOwnId) {
  Process alone(as_user(program({"run", "--bundle", user_bundle(rootless_config("id -u")), "r"})),
                environment("/nowhere"));
  EXPECT_EQ(alone.finish().out, "0\n");
  Process more(as_user(program({"run", "--bundle", user_bundle(mapped_config("id -u")), "r"})),
               environment("/nowhere:relative"));
  Output refused = more.finish();
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("newuidmap is not in PATH; install it (Debian's package uidmap)"));
}

TEST_F(Rootless, WhatAUserCannotHaveIsSaid) {
  Json spec = rootless_config("true");
  auto& spaces = spec["linux"]["namespaces"].get_ref<Json::array_t&>();
  std::erase_if(spaces, [](const Json& space) { return space["type"] == "user"; });
  spec["linux"].erase("uidMappings");
  spec["linux"].erase("gidMappings");
  EXPECT_THAT(user_refused(spec), HasSubstr("requires a user namespace"));
  spec = rootless_config("true");
  spec["linux"]["resources"]["pids"]["limit"] = 10;
  EXPECT_THAT(user_refused(spec), HasSubstr("cgroup"));
  spec = rootless_config("true");
  spec["process"]["oomScoreAdj"] = -1000;
  EXPECT_THAT(user_refused(spec), HasSubstr("oomScoreAdj"));
  spec = rootless_config("true");
  spec["process"]["user"]["additionalGids"] = {1};
  EXPECT_THAT(user_refused(spec), HasSubstr("additional groups"));
  spec = rootless_config("true");
  spec["mounts"][2]["options"].push_back("gid=5");
  EXPECT_THAT(user_refused(spec), HasSubstr("Invalid gid '5'"));
}

TEST_F(Rootless, AUserNamespaceThatIsThere) {
  Process holder(as_user({"/usr/bin/unshare", "--user", "--map-root-user", "/bin/sh", "-c", "echo in; cat"}),
                 environment());
  ASSERT_TRUE(holder.wait_for("in"));
  Json spec = rootless_config("readlink /proc/self/ns/user");
  const std::string path = "/proc/" + std::to_string(holder.pid()) + "/ns/user";
  for (auto& space : spec["linux"]["namespaces"])
    if (space["type"] == "user") space["path"] = path;
  spec["linux"].erase("uidMappings");
  spec["linux"].erase("gidMappings");
  char link[64] = {};
  ASSERT_GT(readlink(path.c_str(), link, sizeof link - 1), 0);
  EXPECT_EQ(user_run(spec).out, link + std::string("\n"));
}

// With the machine's processes in sight, and every capability in its user namespace.
TEST_F(Rootless, WhoEntersCannotBeLookedInto) {
  Json spec = rootless_config(
      "for p in /proc/[0-9]*; do [ \"$(cat $p/comm)\" = rcrt-oci ] && echo seen && ls $p/fd/; done; true");
  auto& spaces = spec["linux"]["namespaces"].get_ref<Json::array_t&>();
  std::erase_if(spaces, [](const Json& space) { return space["type"] == "pid"; });
  spec["mounts"][0] = {
      {"destination", "/proc"}, {"type", "bind"}, {"source", "/proc"}, {"options", {"rbind"}}};
  for (auto& [set, names] : spec["process"]["capabilities"].items()) names.push_back("CAP_SYS_PTRACE");
  Output output = user_run(spec);
  EXPECT_EQ(output.out, "seen\n");
  EXPECT_THAT(output.err, HasSubstr("Permission denied"));
}

// As podman has it: the user is root of a namespace before we are called.
TEST_F(Rootless, RootOfAUserNamespace) {
  Json spec = rootless_config("id -u; grep -c . /proc/self/uid_map; test -c /dev/null && echo null");
  auto& spaces = spec["linux"]["namespaces"].get_ref<Json::array_t&>();
  std::erase_if(spaces, [](const Json& space) { return space["type"] == "user"; });
  spec["linux"].erase("uidMappings");
  spec["linux"].erase("gidMappings");
  auto words = program({"run", "--bundle", user_bundle(spec), "r"});
  words.insert(words.begin(), {"/usr/bin/unshare", "--user", "--map-root-user", "--mount", "--"});
  Output output = Process(as_user(words), environment()).finish();
  EXPECT_EQ(output.out, "0\n1\nnull\n") << output;
  // And one of its own below that.
  Json inner = rootless_config("cat /proc/self/uid_map");
  inner["linux"]["uidMappings"][0]["hostID"] = 0;
  inner["linux"]["gidMappings"][0]["hostID"] = 0;
  user_bundle(inner);
  output = Process(as_user(words), environment()).finish();
  EXPECT_EQ(output.out, "         0          0          1\n") << output;
}

TEST_F(Rootless, WhatTheMachineForbidsForAMountStaysForbidden) {
  const std::string place = stage->dir() + "/locked";
  std::filesystem::create_directory(place);
  ASSERT_EQ(mount("tmpfs", place.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr), 0);
  Json spec = rootless_config("grep ' /tmp ' /proc/self/mountinfo");
  spec["mounts"].push_back(
      {{"destination", "/tmp"}, {"type", "bind"}, {"source", place}, {"options", {"rbind", "ro"}}});
  EXPECT_THAT(user_run(spec).out, HasSubstr("ro,nosuid,nodev,noexec"));
  spec["mounts"].back()["options"] = {"rbind", "exec"};
  EXPECT_THAT(user_refused(spec), HasSubstr("/locked"));
  EXPECT_EQ(umount(place.c_str()), 0);
}

TEST_F(Rootless, APluginThatOthersCanWriteIsNotLoaded) {
  const std::string copy = stage->dir() + "/writable";
  EXPECT_EQ(shell("cp -a " + stage->dir() + "/p " + copy + " && chmod o+w " + copy +
                  "/lib/rcrt/plugins/storage-dir.so")
                .code,
            0);
  Output output =
      Process(as_user({copy + "/bin/rcrt-oci", "run", "--bundle", user_bundle(rootless_config("true")), "r"}),
              environment())
          .finish();
  EXPECT_EQ(output.code, 1);
  EXPECT_THAT(output.err, HasSubstr("plugin refused: others than root can write"));
}

// A part of the hierarchy that is the user's, as systemd gives it.
TEST_F(Rootless, ACgroupOfTheUsersIsUsed) {
  const std::string group = "/sys/fs/cgroup/somebody";
  EXPECT_EQ(shell("mkdir -p " + group + "/own && chown -R 4321 " + group).code, 0);
  Json spec = rootless_config("sleep 1000");
  auto words = as_user(program({"run", "--detach", "--bundle", user_bundle(spec), "c"}));
  words.insert(words.begin(),
               {"/bin/sh", "-c",
                "echo $$ >" + group + "/own/cgroup.procs; exec \"$@\" </dev/null >/dev/null 2>&1", "sh"});
  ASSERT_EQ(Process(words, environment()).finish().code, 0);
  const pid_t process = Json::parse(user({"state", "c"}).out)["pid"].get<pid_t>();
  EXPECT_EQ(contents(group + "/rcrt-oci/c/cgroup.procs"), std::to_string(process) + "\n");
  EXPECT_EQ(user({"pause", "c"}).code, 0);
  EXPECT_EQ(user_status(), "paused");
  EXPECT_EQ(user({"resume", "c"}).code, 0);
  EXPECT_EQ(user({"delete", "--force", "c"}).code, 0);
  EXPECT_EQ(wait_for(process), 128 + SIGKILL);
  EXPECT_EQ(shell("rmdir " + group + "/own " + group).err, "") << "nothing is left in it";
}

TEST_F(Rootless, WithoutACgroupOneCanBeDemanded) {
  auto run = [](const char* value) {
    return user({"--rootless", value, "run", "--bundle", user_bundle(rootless_config("echo ran")), "r"});
  };
  EXPECT_EQ(run("auto").out, "ran\n");
  EXPECT_EQ(run("true").out, "ran\n");
  Output refused = run("false");
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("cannot create cgroup"));
  EXPECT_EQ(run("maybe").code, 1);
  ASSERT_EQ(user_create(rootless_config("true")).code, 0);
  EXPECT_THAT(user({"pause", "c"}).err, HasSubstr("container has no cgroup"));
}

}  // namespace
}  // namespace rcrt::test
