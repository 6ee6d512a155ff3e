// SPDX-License-Identifier: MIT
// exec, ps, pause, resume, update, events.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/oci/descriptor_socket.h"
#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

class Exec : public OciTest {
 protected:
  void SetUp() override {
    OciTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(create("c1", config("sleep 1000")).code, 0);
    ASSERT_EQ(oci({"start", "c1"}).code, 0);
  }
  static Output exec(std::vector<std::string> options, const std::vector<std::string>& words) {
    options.insert(options.begin(), "exec");
    options.push_back("c1");
    options.insert(options.end(), words.begin(), words.end());
    return oci(options);
  }
};

TEST_F(Exec, RunsInTheContainer) {
  Output output = exec({}, {"sh", "-c", "hostname; ls /proc/self/fd | wc -l; cat /proc/1/comm; exit 5"});
  EXPECT_EQ(output.code, 5);
  EXPECT_EQ(output.out, "rcrt\n4\nsleep\n") << output;
  for (const char* space : {"pid", "net", "ipc", "uts", "mnt", "cgroup"}) {
    std::string link = std::string("/proc/self/ns/") + space, init = std::string("/proc/1/ns/") + space;
    Output same = exec({}, {"sh", "-c", "[ $(readlink " + link + ") = $(readlink " + init + ") ]"});
    EXPECT_EQ(same.code, 0) << space;
  }
}

TEST_F(Exec, Options) {
  EXPECT_EQ(exec({"--cwd", "/tmp"}, {"pwd"}).out, "/tmp\n");
  EXPECT_EQ(exec({"--cwd", ""}, {"pwd"}).out, "/\n") << "the container's own";
  EXPECT_EQ(exec({"--env", "A=1", "-e", "TERM=x"}, {"sh", "-c", "echo $A $TERM"}).out, "1 x\n");
  EXPECT_EQ(exec({"--user", "5:6", "--additional-gids", "7"}, {"sh", "-c", "id -u; id -g; id -G"}).out,
            "5\n6\n6 7\n");
  EXPECT_EQ(exec({"-u", "5"}, {"sh", "-c", "id -u; id -g"}).out, "5\n0\n");
  EXPECT_EQ(exec({"--user", "-1"}, {"id"}).code, 255);
  EXPECT_EQ(exec({"--user", "4294967295"}, {"id"}).code, 255);
  EXPECT_EQ(exec({"--cap", "CAP_SYS_TIME"}, {"sh", "-c", "grep CapEff /proc/self/status"}).out,
            "CapEff:\t0000000022000420\n");
  EXPECT_EQ(exec({"--no-new-privs=false"}, {"grep", "NoNewPrivs", "/proc/self/status"}).out,
            "NoNewPrivs:\t0\n");
  EXPECT_EQ(exec({}, {"grep", "NoNewPrivs", "/proc/self/status"}).out, "NoNewPrivs:\t1\n");
}

TEST_F(Exec, AWholeProcessFromAFile) {
  Json process = config("echo $X; id -u; exit 4")["process"];
  process["env"].push_back("X=from-file");
  process["user"]["uid"] = 9;
  std::string file = stage->file("process.json", process.dump());
  Output output = oci({"exec", "--process", file, "c1"});
  EXPECT_EQ(output.code, 4);
  EXPECT_EQ(output.out, "from-file\n9\n") << output;
}

TEST_F(Exec, AProcessFromAFileIsConfinedAsTheContainerIs) {
  auto run_file = [](const Json& process) {
    return oci({"exec", "--process", stage->file("process.json", process.dump()), "c1"}).out;
  };
  Json process = config("grep CapEff /proc/self/status; ulimit -n")["process"];
  const std::string whole = run_file(process);
  EXPECT_EQ(whole, "CapEff:\t0000000020000420\n1024\n");
  process.erase("capabilities");
  process.erase("rlimits");
  EXPECT_EQ(run_file(process), whole);
  process["capabilities"] = Json::object();
  EXPECT_EQ(run_file(process), "CapEff:\t0000000000000000\n1024\n");
}

TEST_F(Exec, DetachedItIsTheSubreapers) {
  std::string file = stage->dir() + "/exec.pid";
  Output output = oci_apart({"exec", "-d", "--pid-file", file, "c1", "sh", "-c", "echo there; exit 6"});
  ASSERT_EQ(output.code, 0) << output;
  EXPECT_EQ(wait_for(std::stoi(contents(file))), 6);
  EXPECT_EQ(container_out(), "there\n");
}

TEST_F(Exec, InACgroupBelowTheContainers) {
  const std::string group = "/sys/fs/cgroup/rcrt-oci/c1/below";
  ASSERT_EQ(mkdir(group.c_str(), 0755), 0);
  for (const char* name : {"below", "/below"}) {
    ASSERT_EQ(oci_apart({"exec", "-d", "--pid-file", stage->dir() + "/exec.pid", "--cgroup", name, "c1",
                         "sleep", "1000"})
                  .code,
              0)
        << container_err();
    const std::string process = contents(stage->dir() + "/exec.pid");
    EXPECT_EQ(contents(group + "/cgroup.procs"), process + "\n");
    kill(std::stoi(process), SIGKILL);
    EXPECT_EQ(wait_for(std::stoi(process)), 128 + SIGKILL);
  }
  EXPECT_EQ(exec({"--cgroup", "nosuch"}, {"true"}).code, 255);
}

TEST_F(Exec, Failures) {
  Output missing = exec({}, {"nosuch"});
  EXPECT_EQ(missing.code, 255);
  EXPECT_NE(missing.err.find("executable file not found"), missing.err.npos) << missing;
  EXPECT_EQ(exec({}, {}).code, 255);
  EXPECT_EQ(exec({"--cwd", "/nosuch"}, {"pwd"}).code, 255);
  EXPECT_EQ(exec({"--cwd", "/proc/self/fd/7"}, {"pwd"}).code, 255);
  EXPECT_EQ(exec({"--cgroup", "../.."}, {"true"}).code, 255);
  EXPECT_EQ(exec({"--preserve-fds", "-1"}, {"true"}).code, 255);
  EXPECT_EQ(exec({"--detach", "--tty"}, {"true"}).code, 255) << "nobody would have the terminal";
  EXPECT_EQ(exec({"--console-socket", "/nowhere"}, {"true"}).code, 255) << "there is no terminal";
}

TEST_F(Exec, WithATerminal) {
  DescriptorSocket console(stage->dir() + "/console.sock");
  Output output =
      oci_apart({"exec", "-d", "-t", "--pid-file", stage->dir() + "/exec.pid", "--console-socket",
                 stage->dir() + "/console.sock", "c1", "sh", "-c", "tty; echo size: $(stty size)"});
  ASSERT_EQ(output.code, 0) << output;
  EXPECT_EQ(read_terminal(console.receive().get()).find("/dev/pts/"), 0u);
  // Until it is reaped the container's pid namespace cannot end.
  EXPECT_EQ(wait_for(std::stoi(contents(stage->dir() + "/exec.pid"))), 0);
}

TEST_F(Exec, PauseAndResume) {
  EXPECT_EQ(oci({"resume", "c1"}).code, 1) << "not paused";
  ASSERT_EQ(oci({"pause", "c1"}).code, 0);
  EXPECT_EQ(status("c1"), "paused");
  Output refused = exec({}, {"true"});
  EXPECT_EQ(refused.code, 255);
  EXPECT_NE(refused.err.find("paused"), refused.err.npos);
  EXPECT_EQ(oci({"pause", "c1"}).code, 1);
  EXPECT_EQ(oci({"resume", "c1"}).code, 0);
  EXPECT_EQ(status("c1"), "running");
  EXPECT_EQ(exec({}, {"true"}).code, 0);
}

TEST_F(Exec, IntoAPausedContainerItWaitsForResume) {
  ASSERT_EQ(oci({"pause", "c1"}).code, 0);
  Process process(command({"exec", "--ignore-paused", "c1", "echo", "there"}),
                  {"RCRT_ROOT=" + stage->root()});
  EXPECT_TRUE(eventually([] { return Json::parse(oci({"ps", "-f", "json", "c1"}).out).size() == 2; }));
  EXPECT_EQ(oci({"resume", "c1"}).code, 0);
  EXPECT_EQ(process.finish().out, "there\n");
}

TEST_F(Exec, LabelsReachTheKernelsModules) {
  for (const char* option : {"--apparmor", "--process-label"}) {
    Output output = exec({option, "no-such-label"}, {"true"});
    EXPECT_EQ(output.code, 255) << "no kernel has that label: " << output;
    EXPECT_NE(output.err.find("cannot set the security label"), output.err.npos) << output;
    EXPECT_NE(output.err.find("no-such-label"), output.err.npos) << output;
  }
}

TEST_F(Exec, PausedItCanBeDeleted) {
  ASSERT_EQ(oci({"pause", "c1"}).code, 0);
  EXPECT_EQ(oci({"delete", "--force", "c1"}).code, 0);
  EXPECT_EQ(leftovers(), "");
}

TEST_F(Exec, Processes) {
  Json pids = Json::parse(oci({"ps", "--format", "json", "c1"}).out);
  EXPECT_EQ(pids, Json::array({pid("c1")}));
  std::string table = oci({"ps", "c1"}).out;
  EXPECT_EQ(table.find("UID"), 0u);
  EXPECT_NE(table.find("sleep 1000"), table.npos);
  const std::string sleep = std::to_string(pid("c1"));
  EXPECT_EQ(oci({"ps", "c1", "-eo", "pid=,comm="}).out, observe("ps -o pid=,comm= -p " + sleep));
  EXPECT_EQ(oci({"ps", "c1", "-o", "user,comm", "-o", "args"}).out,
            "USER     COMMAND         COMMAND\nroot     sleep           sleep 1000\n");
  EXPECT_EQ(oci({"ps", "c1", "aux"}).out, observe("ps u -p " + sleep));
  EXPECT_EQ(oci({"ps", "c1", "-eLf"}).out, observe("ps -Lf -p " + sleep));
  EXPECT_EQ(oci({"ps", "c1", "-o", "pid,comm", "-p", "1"}).out, observe("ps -o pid,comm -p 1 | head -1"))
      << "of others nothing is shown";
  EXPECT_EQ(oci({"ps", "c1", "-o", "nosuch"}).code, 1);
  EXPECT_EQ(oci({"ps", "c1", "-o"}).code, 1);
  Output refused = oci({"ps", "c1", "--nosuch", "json"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("unknown ps option \"--nosuch\""), refused.err.npos) << refused;
}

TEST_F(Exec, ProcessesAsAHierarchy) {
  Process other(command({"exec", "c1", "sh", "-c", "sleep 2000; true"}), {"RCRT_ROOT=" + stage->root()});
  EXPECT_TRUE(eventually([] { return Json::parse(oci({"ps", "-f", "json", "c1"}).out).size() == 3; }));
  EXPECT_EQ(oci({"ps", "c1", "-o", "args", "--no-headers", "f", "k", "-pid"}).out,
            "sleep 1000\nsh -c sleep 2000; true\n \\_ sleep 2000\n");
  EXPECT_EQ(oci({"ps", "c1", "-C", "sleep", "-o", "args=", "-H", "--sort", "args"}).out,
            "sleep 2000\nsleep 1000\n");
  ASSERT_EQ(oci({"kill", "--all", "c1", "KILL"}).code, 0);
  other.finish();
}

TEST_F(Exec, Events) {
  Json event = Json::parse(oci({"events", "--stats", "c1"}).out);
  EXPECT_EQ(event["type"], "stats");
  EXPECT_EQ(event["id"], "c1");
  EXPECT_TRUE(event["data"]["cpu"]["usage"]["total"].is_number());
  EXPECT_EQ(event["data"]["pids"]["current"], 1) << "counted where no controller does";
  Process process(command({"events", "--interval", "50ms", "c1"}), {"RCRT_ROOT=" + stage->root()});
  EXPECT_TRUE(process.wait_for("\n"));
  oci({"delete", "-f", "c1"});
  EXPECT_EQ(process.finish().code, 0) << "it ends with the container";
}

TEST_F(Exec, UpdateSaysWhatTheMachineCannot) {
  Output output = oci({"update", "--pids-limit", "nonsense", "c1"});
  EXPECT_EQ(output.code, 1);
  EXPECT_NE(output.err.find("--pids-limit"), output.err.npos) << output;
  EXPECT_EQ(oci({"update", "-r", "-", "c1"}, R"({"unified": {"cgroup.max.depth": "3"}})").code, 0);
  EXPECT_EQ(oci({"update", "-r", "-", "c1"}, R"({"unified": {"no/such": "3"}})").code, 1);
}

}  // namespace
}  // namespace rcrt::test
