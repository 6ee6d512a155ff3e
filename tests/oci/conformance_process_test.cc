// SPDX-License-Identifier: MIT
// config.json, "process": what each member does, seen from inside; what is no value of it.
#include <gmock/gmock.h>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;

class ProcessConformance : public OciTest {
 protected:
  // Runs `words` with process.MEMBER = value.
  static std::string with(const char* member, const Json& value, const std::vector<std::string>& words) {
    Json spec = config("");
    spec["process"]["args"] = words;
    spec["process"][member] = value;
    Output output = run(spec);
    EXPECT_EQ(output.code, 0) << member << output;
    return output.out;
  }
  static std::string with(const char* member, const Json& value, const std::string& script) {
    return with(member, value, std::vector<std::string>{"sh", "-c", script});
  }
  // process.MEMBER = value is refused in one line that names path, value and what is allowed.
  static void expect_refused(const char* member, const Json& value, const char* path, const char* shown,
                             const char* allowed) {
    Json spec = config("true");
    spec["process"][member] = value;
    expect_invalid(spec, std::string("process.") + path, shown, allowed);
  }
};

TEST_F(ProcessConformance, Args) {
  EXPECT_EQ(with("args", {"echo", "a b", "", "c"}, {"echo", "a b", "", "c"}), "a b  c\n");
  expect_refused("args", Json::array(), "args", "", "the command to run");
  expect_refused("args", {"echo", 1}, "args[1]", "1", "a string");
  expect_refused("args", {std::string("a\0b", 3)}, "args[0]", "", "NUL");
}

TEST_F(ProcessConformance, Env) {
  EXPECT_EQ(with("env", {"PATH=/bin", "A=b=c", "E="}, "env | sort | grep -v SHLVL"),
            "A=b=c\nE=\nHOME=/root\nPATH=/bin\nPWD=/\n");
  expect_refused("env", {"NOVALUE"}, "env[0]", "NOVALUE", "NAME=value");
}

TEST_F(ProcessConformance, Cwd) {
  EXPECT_EQ(with("cwd", "/etc", "pwd"), "/etc\n");
  expect_refused("cwd", "etc", "cwd", "etc", "absolute");
  expect_refused("cwd", 1, "cwd", "1", "a string");
}

TEST_F(ProcessConformance, User) {
  Json user = {{"uid", 7}, {"gid", 8}, {"additionalGids", {9, 10}}, {"umask", 027}};
  EXPECT_EQ(with("user", user, "id -u; id -g; id -G; umask"), "7\n8\n8 9 10\n0027\n");
  expect_refused("user", {{"uid", -1}, {"gid", 0}}, "user.uid", "-1", "from 0 to 4294967294");
  expect_refused("user", {{"uid", 4294967296}, {"gid", 0}}, "user.uid", "4294967296", "from 0");
  expect_refused("user", {{"uid", 0}, {"gid", "x"}}, "user.gid", "x", "whole number");
  expect_refused("user", {{"uid", 0}, {"gid", 0}, {"umask", 512}}, "user.umask", "512", "from 0 to 511");
  expect_refused("user", {{"uid", 0}, {"gid", 0}, {"additionalGids", {-5}}}, "user.additionalGids[0]", "-5",
                 "from 0");
}

TEST_F(ProcessConformance, TerminalAndConsoleSize) {
  Json spec = config("test -t 0 && test -t 1 && test -t 2 && test -c /dev/console && stty size");
  spec["process"]["terminal"] = true;
  spec["process"]["consoleSize"] = {{"height", 30}, {"width", 101}};
  Output output = run(spec);
  EXPECT_EQ(output.code, 0) << output;
  EXPECT_EQ(output.out, "30 101\r\n");
  EXPECT_EQ(with("consoleSize", {{"height", 30}, {"width", 101}}, "test -t 0 || echo none"), "none\n");
  expect_refused("consoleSize", {{"height", -1}, {"width", 1}}, "consoleSize.height", "-1",
                 "from 0 to 65535");
  expect_refused("terminal", "yes", "terminal", "yes", "true or false");
}

TEST_F(ProcessConformance, CapabilitiesInAllFiveSets) {
  Json spec = config("grep Cap /proc/self/status");
  spec["process"]["user"] = {{"uid", 5}, {"gid", 5}};
  spec["process"]["capabilities"] = {{"bounding", {"CAP_CHOWN", "CAP_KILL", "CAP_SETUID"}},
                                     {"permitted", {"CAP_CHOWN", "CAP_KILL"}},
                                     {"effective", {"CAP_KILL"}},
                                     {"inheritable", {"CAP_CHOWN", "CAP_KILL"}},
                                     {"ambient", {"CAP_KILL"}}};
  // What is not ambient a user who is not root loses when it executes.
  EXPECT_EQ(run(spec).out,
            "CapInh:\t0000000000000021\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\n"
            "CapBnd:\t00000000000000a1\nCapAmb:\t0000000000000020\n");
  spec["process"]["user"] = {{"uid", 0}, {"gid", 0}};
  spec["process"]["capabilities"] = {{"bounding", {"CAP_CHOWN"}}, {"permitted", {"CAP_CHOWN"}}};
  EXPECT_THAT(run(spec).out, HasSubstr("CapInh:\t0000000000000000\nCapPrm:\t0000000000000001\n"));
  for (const char* set : {"bounding", "permitted", "effective", "inheritable", "ambient"})
    expect_refused("capabilities", {{set, {"CAP_KILL", "CAP_NONE"}}},
                   (std::string("capabilities.") + set + "[1]").c_str(), "CAP_NONE", "capabilities(7)");
}

TEST_F(ProcessConformance, ACapabilityThatCannotBeGrantedIsAWarning) {
  Json spec = config("grep CapEff /proc/self/status");
  spec["process"]["capabilities"] = {{"bounding", {"CAP_CHOWN", "CAP_KILL"}},
                                     {"permitted", {"CAP_CHOWN"}},
                                     {"effective", {"CAP_CHOWN", "CAP_KILL"}}};
  const std::string log = stage->dir() + "/capabilities.log";
  Output output = oci({"--log", log, "run", "--bundle", bundle(spec), "run"});
  EXPECT_EQ(output.out, "CapEff:\t0000000000000001\n") << output;
  EXPECT_THAT(contents(log), HasSubstr("level=warning"));
  EXPECT_THAT(contents(log), HasSubstr("process.capabilities: CAP_KILL cannot be granted"));
  EXPECT_THAT(contents(log), testing::Not(HasSubstr("CAP_CHOWN")));
}

TEST_F(ProcessConformance, EveryRlimit) {
  struct Limit {
    const char *type, *name;
    long soft, hard;
  };
  const Limit limits[] = {{"RLIMIT_CPU", "Max cpu time", 100, 200},
                          {"RLIMIT_FSIZE", "Max file size", 100000, 200000},
                          {"RLIMIT_DATA", "Max data size", 900000000, 1000000000},
                          {"RLIMIT_STACK", "Max stack size", 4000000, 8000000},
                          {"RLIMIT_CORE", "Max core file size", 0, 0},
                          {"RLIMIT_RSS", "Max resident set", 900000000, 1000000000},
                          {"RLIMIT_NPROC", "Max processes", 500, 600},
                          {"RLIMIT_NOFILE", "Max open files", 64, 128},
                          {"RLIMIT_MEMLOCK", "Max locked memory", 4096, 8192},
                          {"RLIMIT_AS", "Max address space", 900000000, 1000000000},
                          {"RLIMIT_LOCKS", "Max file locks", 10, 20},
                          {"RLIMIT_SIGPENDING", "Max pending signals", 100, 200},
                          {"RLIMIT_MSGQUEUE", "Max msgqueue size", 1000, 2000},
                          {"RLIMIT_NICE", "Max nice priority", 0, 0},
                          {"RLIMIT_RTPRIO", "Max realtime priority", 0, 0},
                          {"RLIMIT_RTTIME", "Max realtime timeout", 1000000, 2000000}};
  Json list = Json::array();
  for (const Limit& limit : limits)
    list.push_back({{"type", limit.type}, {"soft", limit.soft}, {"hard", limit.hard}});
  std::string found =
      with("rlimits", list, std::vector<std::string>{"sed", "s/  */ /g", "/proc/self/limits"});
  for (const Limit& limit : limits)
    EXPECT_THAT(found, HasSubstr(std::string(limit.name) + " " + std::to_string(limit.soft) + " " +
                                 std::to_string(limit.hard) + " "));
  auto rlimit = [](const char* type, const Json& soft, const Json& hard) {
    return Json::array({{{"type", type}, {"soft", soft}, {"hard", hard}}});
  };
  expect_refused("rlimits", rlimit("RLIMIT_X", 1, 1), "rlimits[0].type", "RLIMIT_X", "getrlimit(2)");
  expect_refused("rlimits", rlimit("RLIMIT_CORE", 2, 1), "rlimits[0].soft", "2", "above the hard limit");
  expect_refused("rlimits", rlimit("RLIMIT_CORE", 0, -1), "rlimits[0].hard", "-1", "0 or more");
  Json twice = rlimit("RLIMIT_CORE", 0, 0);
  twice.push_back(twice[0]);
  expect_refused("rlimits", twice, "rlimits[1].type", "RLIMIT_CORE", "given twice");
}

TEST_F(ProcessConformance, NoNewPrivileges) {
  EXPECT_EQ(with("noNewPrivileges", true, "grep NoNewPrivs /proc/self/status"), "NoNewPrivs:\t1\n");
  EXPECT_EQ(with("noNewPrivileges", false, "grep NoNewPrivs /proc/self/status"), "NoNewPrivs:\t0\n");
  expect_refused("noNewPrivileges", 1, "noNewPrivileges", "1", "true or false");
}

TEST_F(ProcessConformance, OomScoreAdj) {
  EXPECT_EQ(with("oomScoreAdj", 321, "cat /proc/self/oom_score_adj"), "321\n");
  expect_refused("oomScoreAdj", 1001, "oomScoreAdj", "1001", "from -1000 to 1000");
}

TEST_F(ProcessConformance, Scheduler) {
  // nice, rt_priority and policy of proc_pid_stat(5)
  const std::vector<std::string> look = {"awk", "{print $19, $40, $41}", "/proc/self/stat"};
  EXPECT_EQ(with("scheduler", {{"policy", "SCHED_OTHER"}, {"nice", 5}}, look), "5 0 0\n");
  EXPECT_EQ(with("scheduler", {{"policy", "SCHED_BATCH"}, {"nice", 4}}, look), "4 0 3\n");
  // To these policies a nice value says nothing.
  const std::vector<std::string> real_time = {"awk", "{print $40, $41}", "/proc/self/stat"};
  EXPECT_EQ(with("scheduler", {{"policy", "SCHED_IDLE"}}, real_time), "0 5\n");
  EXPECT_EQ(with("scheduler", {{"policy", "SCHED_FIFO"}, {"priority", 9}}, real_time), "9 1\n");
  EXPECT_EQ(with("scheduler", {{"policy", "SCHED_RR"}, {"priority", 8}}, real_time), "8 2\n");
  EXPECT_EQ(with("scheduler",
                 {{"policy", "SCHED_DEADLINE"},
                  {"runtime", 10000000},
                  {"deadline", 20000000},
                  {"period", 30000000},
                  {"flags", {"SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN"}}},
                 real_time),
            "0 6\n");
  EXPECT_EQ(with("scheduler", {{"policy", "SCHED_BATCH"}, {"nice", 4}, {"flags", {"SCHED_FLAG_KEEP_POLICY"}}},
                 look),
            "4 0 0\n")
      << "the policy it had";
  EXPECT_EQ(
      with("scheduler", {{"policy", "SCHED_FIFO"}, {"priority", 9}, {"flags", {"SCHED_FLAG_KEEP_PARAMS"}}},
           real_time),
      "0 0\n")
      << "nothing is changed";
  Json reset = {{"policy", "SCHED_FIFO"}, {"priority", 9}, {"flags", {"SCHED_FLAG_RESET_ON_FORK"}}};
  EXPECT_EQ(with("scheduler", reset, "awk '{print $41}' /proc/self/stat; true"), "0\n");
  // Known to the specification, and to no kernel.
  Json spec = config("true");
  spec["process"]["scheduler"] = {{"policy", "SCHED_ISO"}};
  EXPECT_THAT(refused(spec), HasSubstr("cannot set the scheduler: invalid argument; see process.scheduler "
                                       "{\"policy\":\"SCHED_ISO\"}"));
  // What a kernel knows only where it is built with it.
  for (const char* flag : {"SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"}) {
    spec["process"]["scheduler"] = {{"policy", "SCHED_OTHER"}, {"flags", {flag}}};
    Output output = run(spec);
    if (output.code != 0) {
      EXPECT_THAT(output.err, HasSubstr("cannot set the scheduler")) << flag;
    }
  }
  expect_refused("scheduler", {{"policy", "SCHED_X"}}, "scheduler.policy", "SCHED_X", "SCHED_DEADLINE");
  expect_refused("scheduler", {{"policy", "SCHED_OTHER"}, {"nice", 20}}, "scheduler.nice", "20", "to 19");
  expect_refused("scheduler", {{"policy", "SCHED_RR"}, {"priority", 100}}, "scheduler.priority", "100",
                 "to 99");
  expect_refused("scheduler", {{"policy", "SCHED_OTHER"}, {"flags", {"X"}}}, "scheduler.flags[0]", "X",
                 "sched_setattr(2)");
}

TEST_F(ProcessConformance, IoPriority) {
  for (auto [name, text] : {std::pair{"IOPRIO_CLASS_BE", "best-effort: prio 6\n"},
                            {"IOPRIO_CLASS_RT", "realtime: prio 6\n"},
                            {"IOPRIO_CLASS_IDLE", "idle"}})
    EXPECT_THAT(with("ioPriority", {{"class", name}, {"priority", 6}}, "ionice -p $$"), HasSubstr(text));
  expect_refused("ioPriority", {{"class", "X"}, {"priority", 1}}, "ioPriority.class", "X", "IOPRIO_CLASS_BE");
  expect_refused("ioPriority", {{"class", "IOPRIO_CLASS_BE"}, {"priority", 8}}, "ioPriority.priority", "8",
                 "to 7");
}

TEST_F(ProcessConformance, ExecCpuAffinityIsForExecAlone) {
  Json spec = config("grep Cpus_allowed_list /proc/self/status; sleep 1000");
  spec["process"]["execCPUAffinity"] = {{"initial", "0"}, {"final", "0"}};
  const std::string all = run_script("grep Cpus_allowed_list /proc/self/status").out;
  ASSERT_EQ(create("c1", spec).code, 0);
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  EXPECT_TRUE(eventually([&] { return container_out() == all; })) << container_out();
  const std::vector<std::string> look = {"exec", "c1", "grep", "Cpus_allowed_list", "/proc/self/status"};
  EXPECT_EQ(oci(look).out, "Cpus_allowed_list:\t0\n");
  Json process = spec["process"];
  process["args"] = {"grep", "Cpus_allowed_list", "/proc/self/status"};
  process["execCPUAffinity"] = {{"initial", "0"}};
  auto exec = [&] { return oci({"exec", "--process", stage->file("affinity.json", process.dump()), "c1"}); };
  EXPECT_EQ(exec().out, "Cpus_allowed_list:\t0\n");
  process["execCPUAffinity"] = {{"final", "0-"}};
  EXPECT_THAT(exec().err, HasSubstr("process.execCPUAffinity.final \"0-\""));
  for (const char* wrong : {"a", "3-1", "1,,2", "1,", "99999", "-1"})
    expect_refused("execCPUAffinity", {{"initial", wrong}}, "execCPUAffinity.initial", wrong, "0-3,7");
}

TEST_F(ProcessConformance, SecurityLabelsNeedTheirModule) {
  for (const char* member : {"apparmorProfile", "selinuxLabel"}) {
    Json spec = config("true");
    spec["process"][member] = "some-label";
    EXPECT_THAT(refused(spec), HasSubstr("cannot set the security label"));
    expect_refused(member, 5, member, "5", "a string");
  }
}

}  // namespace
}  // namespace rcrt::test
