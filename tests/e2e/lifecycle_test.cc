// SPDX-License-Identifier: MIT
// Detached containers and the verbs on them.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class LifecycleTest : public StageTest {
 protected:
  // `run -d OPTIONS busybox sh -c SCRIPT`; the id.
  static std::string detach(std::vector<std::string> options, const std::string& script) {
    options.insert(options.begin(), {"run", "-d"});
    for (const char* word : {"busybox", "sh", "-c"}) options.push_back(word);
    options.push_back(script);
    Output output = run(options);
    EXPECT_EQ(output.code, 0) << output;
    return output.out.substr(0, output.out.find('\n'));
  }
  static bool exists(const std::string& name) { return run({"inspect", name}).code == 0; }
  static void remove(const std::string& name) {
    Output output = run({"rm", "-f", name});
    EXPECT_EQ(output.code, 0) << output;
  }
};

void expect_error(const Output& output, const std::string& says, int code = 1) {
  EXPECT_EQ(output.code, code) << output;
  EXPECT_THAT(output.err, AllOf(StartsWith("rcrt: "), HasSubstr(says)));
}

TEST_F(LifecycleTest, DetachPrintsTheId) {
  Output output = run({"run", "-d", "--name", "one", "busybox", "sleep", "1000"});
  EXPECT_EQ(output.code, 0);
  ASSERT_EQ(output.out.size(), 65u) << output;
  EXPECT_EQ(output.err, "");
  std::string id = output.out.substr(0, 64);
  EXPECT_EQ(stage->inspect(id)["Name"], "/one");
  EXPECT_EQ(stage->inspect(id.substr(0, 10))["Id"], id);
  remove("one");
}

TEST_F(LifecycleTest, Ps) {
  std::string running = detach({"--name", "running"}, "sleep 1000"),
              ended = detach({"--name", "ended"}, "exit 4");
  EXPECT_EQ(run({"wait", "ended"}).out, "4\n");
  Output output = run({"ps"});
  EXPECT_THAT(output.out, AllOf(StartsWith("CONTAINER ID   IMAGE"), HasSubstr(running.substr(0, 12)),
                                HasSubstr("Up "), Not(HasSubstr("ended"))));
  EXPECT_THAT(run({"ps", "-a"}).out, AllOf(HasSubstr("running"), HasSubstr("Exited (4)")));
  EXPECT_EQ(run({"ps", "-q"}).out, running.substr(0, 12) + "\n");
  EXPECT_EQ(run({"ps", "-q", "--no-trunc"}).out, running + "\n");
  EXPECT_EQ(run({"ps", "-aq", "--no-trunc"}).out, ended + "\n" + running + "\n");
  EXPECT_EQ(run({"ps", "--format", "{{.Names}}\\t{{.Image}}\\t{{.State}}"}).out,
            "running\tbusybox\trunning\n");
  Json list = Json::parse(run({"ps", "-a", "--json"}).out);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[1]["ID"], running);
  EXPECT_EQ(list[0]["State"], "exited");
  Json line = Json::parse(run({"ps", "--format", "json"}).out);
  EXPECT_EQ(line["Names"], "running");
  expect_error(run({"ps", "--format", "{{.NoSuch}}"}), "NoSuch", 125);
  remove("running");
  remove("ended");
}

TEST_F(LifecycleTest, Inspect) {
  std::string id =
      detach({"--name", "shown", "-e", "A=b", "-w", "/etc", "-u", "nobody", "--hostname", "h"}, "sleep 1000");
  Json shown = stage->inspect("shown");
  EXPECT_EQ(shown["Id"], id);
  EXPECT_EQ(shown["State"]["Status"], "running");
  EXPECT_EQ(shown["State"]["Running"], true);
  EXPECT_EQ(shown["State"]["OOMKilled"], false);
  EXPECT_EQ(shown["State"]["ExitCode"], 0);
  int pid = shown["State"]["Pid"].get<int>();
  EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/cwd").filename(), "etc");
  EXPECT_THAT(shown["State"]["StartedAt"].get<std::string>(), StartsWith("2"));
  EXPECT_EQ(shown["Path"], "sh");
  EXPECT_EQ(shown["Args"], (Json{"-c", "sleep 1000"}));
  EXPECT_EQ(shown["Config"]["User"], "nobody");
  EXPECT_EQ(shown["Config"]["Hostname"], "h");
  EXPECT_EQ(shown["Config"]["WorkingDir"], "/etc");
  EXPECT_THAT(shown["Config"]["Env"].dump(), HasSubstr("A=b"));
  EXPECT_EQ(shown["HostConfig"]["NetworkMode"], "none");
  EXPECT_TRUE(shown["NetworkSettings"]["Networks"].is_object());
  EXPECT_EQ(run({"inspect", "--format", "{{.State.Running}} {{json .Config.User}}", "shown"}).out,
            "true \"nobody\"\n");
  const Json started = shown["State"]["StartedAt"];
  EXPECT_EQ(run({"kill", "shown"}).code, 0);
  EXPECT_EQ(run({"wait", "shown"}).out, "137\n");
  shown = stage->inspect("shown");
  EXPECT_EQ(shown["State"]["StartedAt"], started);
  EXPECT_EQ(shown["State"]["Status"], "exited");
  EXPECT_EQ(shown["State"]["Running"], false);
  EXPECT_EQ(shown["State"]["Pid"], 0);
  EXPECT_EQ(shown["State"]["ExitCode"], 137);
  EXPECT_THAT(shown["State"]["FinishedAt"].get<std::string>(), StartsWith("2"));
  remove("shown");
  Output gone = run({"inspect", "shown"});
  expect_error(gone, "shown");
  EXPECT_EQ(gone.out, "[]\n");
}

TEST_F(LifecycleTest, Logs) {
  detach({"--name", "talks"}, "for i in 1 2 3 4 5; do echo line $i; done; echo error >&2");
  EXPECT_EQ(run({"wait", "talks"}).code, 0);
  EXPECT_EQ(run({"logs", "talks"}).out, "line 1\nline 2\nline 3\nline 4\nline 5\nerror\n");
  EXPECT_EQ(run({"logs", "--tail", "2", "talks"}).out, "line 5\nerror\n");
  EXPECT_EQ(run({"logs", "--tail=0", "talks"}).out, "");
  EXPECT_EQ(run({"logs", "-n", "100", "talks"}).out, run({"logs", "--tail", "all", "talks"}).out);
  expect_error(run({"logs", "--tail", "some", "talks"}), "some", 125);
  for (const char* verb : {"logs", "port", "export", "diff", "stop", "inspect", "start"})
    expect_error(run({verb, "nosuch"}), "nosuch");
  remove("talks");
}

TEST_F(LifecycleTest, LogsFollow) {
  detach({"--name", "talks"}, "echo first; while ! test -e /tmp/go; do sleep 0.05; done; echo last; exit 3");
  auto follow = stage->start({"logs", "-f", "talks"});
  ASSERT_TRUE(follow->wait_for("first\n"));
  int pid = stage->inspect("talks")["State"]["Pid"].get<int>();
  EXPECT_EQ(observe("touch /proc/" + std::to_string(pid) + "/root/tmp/go"), "");
  Output output = follow->finish();
  EXPECT_EQ(output.code, 0);
  EXPECT_EQ(output.out, "first\nlast\n");
  remove("talks");
}

TEST_F(LifecycleTest, WaitOnAContainerThatIsRemovedWhenItEnds) {
  std::string id =
      detach({"--rm", "--name", "brief"}, "while ! test -e /tmp/go; do sleep 0.05; done; exit 6");
  auto wait = stage->start({"wait", "brief"});
  int pid = stage->inspect("brief")["State"]["Pid"].get<int>();
  // It waits for the lock's sake before the container ends.
  EXPECT_TRUE(eventually([&] {
    return observe("grep -l brief /proc/" + std::to_string(wait->pid()) + "/cmdline; cat /proc/" +
                   std::to_string(wait->pid()) + "/wchan")
               .find("poll") != std::string::npos;
  }));
  EXPECT_EQ(observe("touch /proc/" + std::to_string(pid) + "/root/tmp/go"), "");
  Output output = wait->finish();
  EXPECT_EQ(output.out, "6\n") << output;
  EXPECT_TRUE(eventually([&] { return !exists(id); }));
}

TEST_F(LifecycleTest, WaitForSeveral) {
  detach({"--name", "wait1"}, "exit 1");
  detach({"--name", "wait2"}, "exit 2");
  EXPECT_EQ(run({"wait", "wait1", "wait2"}).out, "1\n2\n");
  EXPECT_EQ(run({"wait", "wait1"}).out, "1\n");  // still known
  remove("wait1");
  remove("wait2");
  expect_error(run({"wait", "wait1"}), "wait1");
}

TEST_F(LifecycleTest, Stop) {
  detach({"--name", "polite"}, "trap 'exit 8' TERM; echo ready; while :; do sleep 0.05; done");
  EXPECT_TRUE(eventually([] { return run({"logs", "polite"}).out == "ready\n"; }));
  EXPECT_EQ(run({"stop", "polite"}).out, "polite\n");
  EXPECT_EQ(stage->inspect("polite")["State"]["ExitCode"], 8);
  EXPECT_EQ(run({"stop", "polite"}).code, 0);  // it does not run: nothing to do
  remove("polite");
}

TEST_F(LifecycleTest, StopKillsAfterTheTimeout) {
  detach({"--name", "deaf"}, "trap '' TERM; while :; do sleep 0.05; done");
  EXPECT_EQ(run({"stop", "-t", "0", "deaf"}).code, 0);
  EXPECT_EQ(stage->inspect("deaf")["State"]["ExitCode"], 137);
  remove("deaf");
}

TEST_F(LifecycleTest, TheTimeoutCanBeTheContainersOwn) {
  detach({"--name", "deaf", "--stop-timeout", "0"}, "trap '' TERM; while :; do sleep 0.05; done");
  EXPECT_EQ(stage->inspect("deaf")["Config"]["StopTimeout"], 0);
  EXPECT_EQ(run({"stop", "deaf"}).code, 0);
  EXPECT_EQ(stage->inspect("deaf")["State"]["ExitCode"], 137);
  remove("deaf");
}

TEST_F(LifecycleTest, StopSendsTheChosenSignal) {
  detach({"--name", "chosen", "--stop-signal", "USR2"},
         "trap 'exit 12' USR2; echo ready; while :; do sleep 0.05; done");
  EXPECT_TRUE(eventually([] { return run({"logs", "chosen"}).out == "ready\n"; }));
  EXPECT_EQ(run({"stop", "chosen"}).code, 0);
  EXPECT_EQ(stage->inspect("chosen")["State"]["ExitCode"], 12);
  remove("chosen");
}

TEST_F(LifecycleTest, Kill) {
  detach({"--name", "target"}, "trap 'echo got it' USR1; echo ready; while :; do sleep 0.05; done");
  EXPECT_TRUE(eventually([] { return run({"logs", "target"}).out == "ready\n"; }));
  EXPECT_EQ(run({"kill", "-s", "SIGUSR1", "target"}).out, "target\n");
  EXPECT_TRUE(eventually([] { return run({"logs", "target"}).out == "ready\ngot it\n"; }));
  expect_error(run({"kill", "-s", "NOSUCH", "target"}), "NOSUCH", 125);
  EXPECT_EQ(run({"kill", "target"}).code, 0);
  EXPECT_EQ(run({"wait", "target"}).out, "137\n");
  expect_error(run({"kill", "target"}), "target");
  remove("target");
}

TEST_F(LifecycleTest, Rm) {
  detach({"--name", "busy"}, "sleep 1000");
  expect_error(run({"rm", "busy"}), "busy");
  EXPECT_EQ(run({"rm", "-f", "busy"}).out, "busy\n");
  expect_error(run({"rm", "busy"}), "busy");
  EXPECT_EQ(run({"rm", "-f", "busy"}).code, 0);
  for (const char* name : {"many1", "many2"}) detach({"--name", name}, "sleep 1000");
  detach({"--name", "many3"}, "true");
  EXPECT_EQ(run({"wait", "many3"}).code, 0);
  EXPECT_EQ(run({"rm", "-f", "--all"}).code, 0);
  EXPECT_EQ(run({"ps", "-aq"}).out, "");
}

TEST_F(LifecycleTest, InspectShowsWhatWasAskedFor) {
  EXPECT_EQ(run({"--net=none",
                 "run",
                 "-d",
                 "--name",
                 "c",
                 "--entrypoint",
                 "sleep",
                 "-v",
                 "/run:/r:ro",
                 "--tmpfs",
                 "/t:size=1m",
                 "--ulimit",
                 "nofile=5:6",
                 "--shm-size",
                 "1m",
                 "--oom-score-adj",
                 "5",
                 "--sysctl",
                 "net.ipv4.ip_forward=1",
                 "busybox",
                 "1000"})
                .code,
            0);
  const Json shown = stage->inspect("c"), host = shown["HostConfig"];
  EXPECT_EQ(shown["Config"]["Entrypoint"], Json{"sleep"});
  EXPECT_EQ(shown["Config"]["Cmd"], Json{"1000"});
  EXPECT_EQ(shown["GraphDriver"]["Name"], "overlay");
  EXPECT_EQ(host["Binds"], Json{"/run:/r:ro"});
  EXPECT_THAT(host["Tmpfs"]["/t"].dump(), HasSubstr("size=1m"));
  EXPECT_EQ(host["Ulimits"], (Json{{{"Name", "nofile"}, {"Soft", 5}, {"Hard", 6}}}));
  EXPECT_EQ(host["Sysctls"]["net.ipv4.ip_forward"], "1");
  EXPECT_EQ(host["ShmSize"], 1 << 20);
  EXPECT_EQ(host["OomScoreAdj"], 5);
  EXPECT_EQ(host["RestartPolicy"]["Name"], "no");
  EXPECT_EQ(host["IpcMode"], "private");
  remove("c");
}

// Whatever meets it leaves it alone: the process, and what it has written.
TEST_F(LifecycleTest, ADamagedRecordIsNoReasonToKillOrDelete) {
  const std::string id = detach({"--name", "c"}, "echo precious > /data; sleep 1000");
  const pid_t pid = stage->inspect("c")["State"]["Pid"].get<pid_t>();
  for (const std::string& path : {stage->state() + "/containers/" + id + "/state.json",
                                  stage->root() + "/containers/" + id + "/config.json"}) {
    const std::string whole = observe("cat " + path);
    for (const char* text : {"", "{\"name\"", "[]"}) {
      std::ofstream(path) << text;
      Output output = run({"ps", "-a"});
      EXPECT_THAT(output.err, AllOf(HasSubstr("damaged"), HasSubstr(path)));
      expect_error(run({"inspect", "c"}), path);
      expect_error(run({"rm", "c"}), "rm -f");
      EXPECT_EQ(kill(pid, 0), 0);
    }
    std::ofstream(path) << whole;
  }
  EXPECT_EQ(observe("cat /proc/" + std::to_string(pid) + "/root/data"), "precious\n");
  std::ofstream(stage->root() + "/containers/" + id + "/config.json") << "";
  EXPECT_EQ(run({"rm", "-f", "c"}).out, "c\n");
  EXPECT_NE(kill(pid, 0), 0);
}

// Who removes something because the disk is full must be able to.
TEST_F(LifecycleTest, RmNeedsNoRoomOnTheDisk) {
  const std::string disk = stage->dir() + "/disk";
  ASSERT_EQ(mkdir(disk.c_str(), 0700), 0);
  ASSERT_EQ(mount("disk", disk.c_str(), "tmpfs", 0, "size=8m"), 0);
  auto there = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--root", disk});
    return run(words);
  };
  EXPECT_EQ(there({"--net=none", "run", "-d", "--name", "c", "busybox", "sleep", "1000"}).code, 0);
  const pid_t pid = Json::parse(there({"inspect", "c"}).out)[0]["State"]["Pid"].get<pid_t>();
  std::ofstream(disk + "/filler") << std::string(16 << 20, 'x');
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  EXPECT_TRUE(eventually([&] { return kill(pid, 0) != 0; }));
  const Output removed = there({"rm", "-f", "c"});
  EXPECT_EQ(removed.out, "c\n") << removed;
  EXPECT_EQ(there({"ps", "-aq"}).out, "");
  ASSERT_EQ(umount(disk.c_str()), 0);
  ASSERT_EQ(rmdir(disk.c_str()), 0);
}

// A monitor that still writes the exit record would do so into a folder being removed.
TEST_F(LifecycleTest, RmWaitsForTheMonitor) {
  std::string id = detach({"--name", "ending"}, "sleep 1000");
  std::ifstream file(stage->state() + "/containers/" + id + "/state.json");
  const Json state = Json::parse(file);
  const pid_t monitor = state["monitorPid"].get<pid_t>();
  ASSERT_EQ(kill(monitor, SIGSTOP), 0);
  ASSERT_EQ(kill(state["pid"].get<int>(), SIGKILL), 0);
  auto removal = stage->start({"rm", "-f", "ending"});
  usleep(300'000);  // enough to remove it wrongly
  EXPECT_TRUE(std::filesystem::exists(stage->root() + "/containers/" + id));
  ASSERT_EQ(kill(monitor, SIGCONT), 0);
  Output output = removal->finish();
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_FALSE(std::filesystem::exists(stage->root() + "/containers/" + id));
}

TEST_F(LifecycleTest, KillingTheClientKeepsTheExitStatus) {
  auto client =
      stage->start({"run", "--name", "orphan", "busybox", "sh", "-c",
                    "echo ready; while ! test -e /tmp/go; do sleep 0.05; done; echo late; exit 11"});
  ASSERT_TRUE(client->wait_for("ready\n"));
  client->signal(SIGKILL);
  EXPECT_EQ(client->finish().code, 128 + SIGKILL);
  Json shown = stage->inspect("orphan");
  EXPECT_EQ(shown["State"]["Running"], true);
  EXPECT_EQ(observe("touch /proc/" + std::to_string(shown["State"]["Pid"].get<int>()) + "/root/tmp/go"), "");
  EXPECT_EQ(run({"wait", "orphan"}).out, "11\n");
  EXPECT_EQ(stage->inspect("orphan")["State"]["ExitCode"], 11);
  EXPECT_EQ(run({"logs", "orphan"}).out, "ready\nlate\n");
  EXPECT_TRUE(eventually([] { return observe("ls " + stage->state() + "/containers").empty(); }));
  remove("orphan");
}

TEST_F(LifecycleTest, KillingTheClientOfAnAutoRemovedContainerLeavesNothing) {
  auto client = stage->start({"run", "--rm", "--name", "orphan", "busybox", "sh", "-c",
                              "echo ready; while ! test -e /tmp/go; do sleep 0.05; done"});
  ASSERT_TRUE(client->wait_for("ready\n"));
  client.reset();  // by SIGKILL; the container writes straight to what was the client's stream
  Json shown = stage->inspect("orphan");
  EXPECT_EQ(observe("touch /proc/" + std::to_string(shown["State"]["Pid"].get<int>()) + "/root/tmp/go"), "");
  EXPECT_TRUE(eventually([] { return stage->leftovers().empty(); })) << stage->leftovers();
}

TEST_F(LifecycleTest, EndsWithAllThatItStarted) {
  detach({"--name", "parent"}, "sleep 4242 & sleep 4242 & exit 0");
  EXPECT_EQ(run({"wait", "parent"}).code, 0);
  EXPECT_TRUE(
      eventually([] { return observe("grep -lx 4242 -z /proc/[0-9]*/cmdline 2>/dev/null").empty(); }));
  remove("parent");
}

TEST_F(LifecycleTest, ExplainChangesNothing) {
  auto files = [] {
    return observe("find " + stage->root() + " " + stage->state() + " -printf '%p %s %T@ %m\n' | sort");
  };
  std::string before = files();
  Output output = run({"run", "--explain", "--name", "planned", "-v", stage->dir() + "/absent:/data",
                       "--memory", "64m", "busybox", "echo", "hello"});
  ASSERT_EQ(output.code, 0) << output;
  Json plan = Json::parse(output.out);
  EXPECT_EQ(plan["spec"]["process"]["args"], (Json{"echo", "hello"}));
  EXPECT_EQ(plan["spec"]["linux"]["resources"]["memory"]["limit"], 64 << 20);
  std::vector<std::string> plugins;
  for (const auto& plugin : plan["plugins"]) plugins.push_back(plugin.value("plugin", ""));
  EXPECT_THAT(plugins,
              testing::ElementsAre("storage-overlay", "isolation-cgroup", "isolation-seccomp", "net-none"));
  EXPECT_EQ(files(), before);
  EXPECT_FALSE(std::filesystem::exists(stage->dir() + "/absent"));
}

}  // namespace
}  // namespace rcrt::test
