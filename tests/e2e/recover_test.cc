// SPDX-License-Identifier: MIT
// rcrt killed at every step it takes, its clean-up too, and its monitor: afterwards links,
// firewall, mounts, cgroups, leases and folders are as before.
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>

#include <fstream>

#include "tests/e2e/faults.h"

namespace rcrt::test {
namespace {

using testing::AnyOf;

constexpr int kKilled = 128 + SIGKILL;

class RecoverTest : public WithFaults<StageTest> {
 protected:
  // What a run may change, of the stage and of the host.
  struct Snapshot {
    HostState host = HostState::take();
    std::string files =
        observe("find " + stage->root() + " " + stage->state() + " | grep -v -e /cache/ -e /layers/ | sort");
    std::string processes = observe("cat /proc/[0-9]*/comm 2>/dev/null | grep -c rcrt");

    std::string diff(const Snapshot& later) const {
      std::string text = host.diff(later.host);
      if (files != later.files)
        text += "files:\n" +
                observe("printf '%s' '" + files + "' >" + stage->dir() + "/a; printf '%s' '" + later.files +
                        "' >" + stage->dir() + "/b; diff " + stage->dir() + "/a " + stage->dir() + "/b");
      if (processes != later.processes)
        text += "processes before: " + processes + "after: " + later.processes;
      return text;
    }
  };

  // A snapshot when nobody cleans up any more.
  static Snapshot quiet() {
    run({"system", "recover"});  // takes idle networks down
    EXPECT_TRUE(eventually([] { return Snapshot().processes == "0\n"; }));
    return Snapshot();
  }

  // How many points the command passes; the number that a full run of it shows.
  static int points(const std::vector<std::string>& args) {
    std::string log = stage->dir() + "/points";
    Output output = run_with("RCRT_FAULT_LOG=" + log, args);
    EXPECT_EQ(output.code, 0) << output;
    int count = 0;
    std::ifstream file(log);
    for (std::string line; std::getline(file, line);) names_[++count] = line;
    unlink(log.c_str());
    return count;
  }
  // Of those that points() has seen; 0 when there is none.
  static int point_named(const std::string& wanted) {
    for (const auto& [number, name] : names_)
      if (name == wanted) return number;
    return 0;
  }
  static std::string name(int point) { return std::to_string(point) + " (" + names_[point] + ")"; }

  static bool settled(const Snapshot& before, std::string* left) {
    return eventually([&] { return (*left = before.diff(Snapshot())).empty(); });
  }

  // Kills `run` at each point. What the user sees after `next`: nothing, or, of a container
  // that is kept and had begun, how it ended.
  static void kill_everywhere(std::vector<std::string> options, bool kept) {
    options.insert(options.begin(), {"run", "--name", "same"});
    if (!kept) options.push_back("--rm");
    options.insert(options.end(), {"busybox", "true"});
    auto remove = [&] { EXPECT_EQ(run({"rm", "-f", "same"}).code, 0); };
    points(options);  // the folders that stay are made
    remove();
    std::string left;
    Snapshot before = quiet();
    int last = points(options);
    ASSERT_GT(last, 10);
    remove();
    ASSERT_TRUE(settled(before, &left)) << left;
    bool begun = false;
    for (int point = 1; point <= last; ++point) {
      int code = run_with("RCRT_FAULT_AT=" + std::to_string(point), options).code;
      // Once it has begun, it may be the child that cleans up which is killed.
      ASSERT_TRUE(code == kKilled || (begun && code == 0)) << code << " at " << name(point);
      begun = begun || names_[point] == "started";
      if (point % 2 == 0) {
        Output recovered = run({"system", "recover"});
        EXPECT_EQ(recovered.code, 0) << name(point) << recovered;
      } else {
        // The next run of that name. The monitor's clean-up may have it in its hands for a moment.
        bool free = eventually([&] {
          return run({"run", "--rm", "--name", "same", "busybox", "true"}).code == 0 ||
                 (kept && run({"inspect", "-f", "{{.State.Status}}", "same"}).out == "exited\n");
        });
        EXPECT_TRUE(free) << name(point);
        EXPECT_EQ(run({"system", "recover"}).code, 0) << name(point);  // one that had no name yet
      }
      if (kept) {
        Output shown;
        EXPECT_TRUE(eventually([&] {
          shown = run({"inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "same"});
          return shown.code != 0 || shown.out.starts_with("exited");
        })) << name(point);
        EXPECT_THAT(shown.out, AnyOf("", "exited 0\n")) << name(point);
        remove();
      }
      ASSERT_TRUE(settled(before, &left)) << "killed at " << name(point) << "\n" << left;
    }
  }

  // Of a command that was killed, or the process it has made to clean up: an error of the command's, or
  // nothing where it has ended already.
  static auto killed() { return AnyOf(kKilled, 1, 0); }

  // Starts `same`, then kills `command` at each point; the command once more finishes the job.
  static void kill_clean_up(std::vector<std::string> options, const std::vector<std::string>& command,
                            const std::function<void()>& prepare) {
    options.insert(options.begin(), {"run", "-d", "--name", "same"});
    options.insert(options.end(), {"busybox", "sleep", "1000"});
    auto start = [&] {
      Output output = run(options);
      ASSERT_EQ(output.code, 0) << output;
      prepare();
    };
    start();
    points(command);
    std::string left;
    Snapshot before = quiet();
    start();
    int last = points(command);
    ASSERT_GT(last, 3);
    ASSERT_TRUE(settled(before, &left)) << left;
    for (int point = 1; point <= last; ++point) {
      start();
      // Whether it or the monitor cleans up is a race: it may have less to do.
      EXPECT_THAT(run_with("RCRT_FAULT_AT=" + std::to_string(point), command).code, killed()) << name(point);
      Output again = run(command);
      EXPECT_EQ(again.code, 0) << name(point) << again;
      EXPECT_EQ(run({"system", "recover"}).code, 0);
      ASSERT_TRUE(settled(before, &left)) << "killed at " << name(point) << "\n" << left;
    }
  }

  // Kills `command` on the container that `prepare` makes at each point. The container is there
  // afterwards, or where `prepare` made none it may be, and it has not half begun.
  static void kill_a_part(const std::vector<std::string>& command, const std::vector<std::string>& prepare) {
    auto make = [&] {
      if (!prepare.empty()) {
        EXPECT_EQ(run(prepare).code, 0);
      }
    };
    auto remove = [&] { EXPECT_EQ(run({"rm", "-f", "-v", "same"}).code, 0); };
    make();
    points(command);
    remove();
    std::string left;
    Snapshot before = quiet();
    make();
    const int last = points(command);
    remove();
    ASSERT_GT(last, 10);
    ASSERT_TRUE(settled(before, &left)) << left;
    for (int point = 1; point <= last; ++point) {
      make();
      EXPECT_THAT(run_with("RCRT_FAULT_AT=" + std::to_string(point), command).code, killed()) << name(point);
      EXPECT_EQ(run({"system", "recover"}).code, 0) << name(point);
      Output shown;
      EXPECT_TRUE(eventually([&] {
        shown = run({"inspect", "-f", "{{.State.Status}}", "same"});
        return shown.out == "created\n" || shown.out == "exited\n" || shown.code != 0;
      })) << name(point)
          << shown;
      if (!prepare.empty()) {
        EXPECT_EQ(shown.code, 0) << name(point);
        EXPECT_EQ(run({"start", "-a", "same"}).out, "hello\n") << name(point);
      }
      remove();
      ASSERT_TRUE(settled(before, &left)) << "killed at " << name(point) << "\n" << left;
    }
  }

  // By SIGKILL, the container's monitor and then its process.
  static void kill_monitor_and_container() {
    Json state = Json::parse(observe("cat " + stage->state() + "/containers/*/state.json"));
    for (const char* member : {"monitorPid", "pid"}) {
      pid_t pid = state[member].get<pid_t>();
      kill(pid, SIGKILL);
      EXPECT_TRUE(eventually([&] { return kill(pid, 0) != 0; })) << member;
    }
  }

 private:
  static inline std::map<int, std::string> names_;
};

// Whoever comes next finishes a removal, though nobody asks for it.
TEST_F(RecoverTest, RemovalKilledWithoutTheRecord) {
  const std::vector<std::string> options = {"run", "--rm", "--name", "same", "busybox", "true"};
  points(options);
  const Snapshot before = quiet();
  points(options);
  const int at = point_named("record removed");
  ASSERT_GT(at, 0);
  run_with("RCRT_FAULT_AT=" + std::to_string(at), options);
  std::string left;
  EXPECT_TRUE(settled(before, &left)) << left;
}

TEST_F(RecoverTest, RunKilled) { kill_everywhere({"--net=none"}, false); }
TEST_F(RecoverTest, RunOfAKeptContainerKilled) { kill_everywhere({"--net=none"}, true); }
TEST_F(RecoverTest, RunOnABridgeKilled) { kill_everywhere({"--net=bridge", "-p", "8080:80"}, false); }
TEST_F(RecoverTest, RunOfAKeptContainerOnABridgeKilled) {
  kill_everywhere({"--net=bridge", "-p", "8080:80"}, true);
}

const std::vector<std::string> kCreate = {"create", "--net=bridge", "--name", "same", "-v",
                                          "/v",     "busybox",      "echo",   "hello"};
TEST_F(RecoverTest, CreateKilled) { kill_a_part(kCreate, {}); }
TEST_F(RecoverTest, StartKilled) { kill_a_part({"start", "same"}, kCreate); }
TEST_F(RecoverTest, StartOfAnEndedContainerKilled) {
  kill_a_part({"start", "same"},
              {"run", "--net=none", "--name", "same", "-v", "/v", "busybox", "sh", "-c", "echo hello"});
}

TEST_F(RecoverTest, RmKilled) {
  kill_clean_up({"--net=bridge", "-p", "8080:80"}, {"rm", "-f", "same"}, [] {});
}

TEST_F(RecoverTest, RecoverKilled) {
  kill_clean_up({"--net=bridge", "-p", "8080:80", "--rm"}, {"system", "recover"}, kill_monitor_and_container);
}

TEST_F(RecoverTest, ClientKilledAfterItToldTheProcessOnly) {
  stage->environment = {"RCRT_FAULT_STOP_AT=launcher.go.child"};
  auto client = stage->start({"run", "--net=none", "--name", "same", "busybox", "sh", "-c",
                              "echo ready; while ! test -e /tmp/go; do sleep 0.05; done; exit 11"});
  stage->environment.clear();
  ASSERT_TRUE(client->wait_for("ready\n"));
  client->signal(SIGKILL);
  EXPECT_EQ(client->finish().code, kKilled);
  Json shown = stage->inspect("same");
  EXPECT_EQ(shown["State"]["Running"], true);
  // The monitor, which never heard of go, has found out and does not yield any more.
  const std::string process = "/proc/" + std::to_string(shown["State"]["Pid"].get<int>());
  const std::string parent = observe("awk '/^PPid:/ { printf \"%s\", $2 }' " + process + "/status");
  EXPECT_TRUE(eventually([&] { return sched_getscheduler(std::stoi(parent)) == SCHED_OTHER; }));
  EXPECT_EQ(observe("touch " + process + "/root/tmp/go"), "");
  EXPECT_EQ(run({"wait", "same"}).out, "11\n");
  EXPECT_EQ(run({"rm", "same"}).code, 0);
}

TEST_F(RecoverTest, MonitorKilled) {
  for (const char* network : {"--net=none", "--net=bridge"})
    for (bool kept : {false, true}) {
      std::vector<std::string> options = {"run", network, "--name", "same", "busybox", "true"};
      if (!kept) options.insert(options.begin() + 1, "--rm");
      run(options);
      run({"rm", "-f", "same"});
      std::string left;
      Snapshot before = quiet();
      int lost = 0;
      for (int point = 1; point <= 8; ++point) {
        Output output = run_with("RCRT_MONITOR_FAULT_AT=" + std::to_string(point), options);
        // Whoever kills the monitor before it reports takes the answer away.
        EXPECT_THAT(output.code, AnyOf(125, 0)) << point << output;
        EXPECT_EQ(output.code == 125, !output.err.empty()) << point << output;
        lost += output.code == 125;
        Output recovered = run({"system", "recover"});
        EXPECT_EQ(recovered.code, 0) << point << recovered;
        Output shown = run({"inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "same"});
        if (shown.code == 0) {
          EXPECT_TRUE(kept) << point;
          EXPECT_THAT(shown.out, AnyOf("exited 0\n", "exited 255\n")) << point;
        }
        EXPECT_EQ(run({"rm", "-f", "same"}).code, 0);
        ASSERT_TRUE(settled(before, &left))
            << network << (kept ? " kept" : " --rm") << ", monitor killed at " << point << "\n"
            << left;
      }
      EXPECT_GE(lost, 3) << "the monitor has been killed where that is felt";
    }
}

}  // namespace
}  // namespace rcrt::test
