// SPDX-License-Identifier: MIT
// config.json, "linux.seccomp": what each member does; an agent that decides.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/unique_fd.h"
#include "tests/oci/descriptor_socket.h"
#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;

// Listens where linux.seccomp.listenerPath says; answers `calls` system calls with an errno.
class Agent {
 public:
  Agent(const std::string& path, int calls, int answer) : socket_(path) {
    thread_ = std::thread([=, this] { serve(calls, answer); });
  }
  ~Agent() {
    if (thread_.joinable()) thread_.join();
  }
  // What the runtime sent.
  Json state() {
    thread_.join();
    return Json::parse(text_, nullptr, false);
  }
  int answered = 0;

 private:
  void serve(int calls, int answer) {
    UniqueFd listener = socket_.receive(&text_);
    while (listener && answered < calls) {
      seccomp_notif call = {};
      pollfd asked = {listener.get(), POLLIN, 0};
      if (poll(&asked, 1, 20'000) != 1 || ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) return;
      seccomp_notif_resp reply = {.id = call.id, .val = 0, .error = -answer, .flags = 0};
      if (ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &reply) == 0) ++answered;
    }
  }

  DescriptorSocket socket_;
  std::string text_;
  std::thread thread_;
};

class SeccompConformance : public OciTest {
 protected:
  static Json rule(const Json& names, const char* action) { return {{"names", names}, {"action", action}}; }
  static Json with(const Json& seccomp, const std::string& script) {
    Json spec = config(script);
    spec["linux"]["seccomp"] = seccomp;
    return spec;
  }
  static Json allow_but(const Json& rule) {
    return {{"defaultAction", "SCMP_ACT_ALLOW"}, {"syscalls", {rule}}};
  }
  static void expect_refused(const Json& seccomp, const char* path, const char* why) {
    std::string error = refused(with(seccomp, "true"));
    EXPECT_THAT(error, HasSubstr(std::string("linux.seccomp.") + path));
    EXPECT_THAT(error, HasSubstr(why));
  }
  static Json notify(const std::string& path) {
    Json seccomp = allow_but(rule({"mkdir", "mkdirat"}, "SCMP_ACT_NOTIFY"));
    seccomp["listenerPath"] = path;
    seccomp["listenerMetadata"] = "some words";
    return seccomp;
  }
  static std::string socket_path() { return stage->dir() + "/agent"; }
  void TearDown() override {
    OciTest::TearDown();
    if (stage) unlink(socket_path().c_str());
  }
};

constexpr char kMakes[] = "mkdir /dev/shm/x; echo $?";

TEST_F(SeccompConformance, EveryAction) {
  const Json names = {"mkdir", "mkdirat"};
  EXPECT_EQ(run(with(allow_but(rule(names, "SCMP_ACT_LOG")), kMakes)).out, "0\n");
  Json logged = {{"defaultAction", "SCMP_ACT_LOG"}, {"syscalls", {rule(names, "SCMP_ACT_ALLOW")}}};
  EXPECT_EQ(run(with(logged, kMakes)).out, "0\n");
  Json errno_rule = rule(names, "SCMP_ACT_ERRNO");
  EXPECT_THAT(run(with(allow_but(errno_rule), kMakes)).err, HasSubstr("Operation not permitted"));
  errno_rule["errnoRet"] = 28;
  EXPECT_THAT(run(with(allow_but(errno_rule), kMakes)).err, HasSubstr("No space left"));
  // 128 and SIGSYS, of the process that calls.
  for (const char* action :
       {"SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"})
    EXPECT_EQ(run(with(allow_but(rule(names, action)), kMakes)).out, "159\n") << action;
  // Without a tracer the call fails with ENOSYS.
  EXPECT_THAT(run(with(allow_but(rule(names, "SCMP_ACT_TRACE")), kMakes)).err, HasSubstr("not implemented"));
}

TEST_F(SeccompConformance, EveryComparison) {
  // The second argument of kill(2) is the signal: 0 does nothing.
  auto refuses = [](const char* op, int value, int signal, int two = 0) {
    Json one = rule({"kill"}, "SCMP_ACT_ERRNO");
    one["args"] = {{{"index", 1}, {"value", value}, {"valueTwo", two}, {"op", op}}};
    return run(with(allow_but(one), "kill -" + std::to_string(signal) + " 1 2>/dev/null; echo $?")).out ==
           "1\n";
  };
  EXPECT_TRUE(refuses("SCMP_CMP_EQ", 18, 18));
  EXPECT_FALSE(refuses("SCMP_CMP_EQ", 18, 0));
  EXPECT_TRUE(refuses("SCMP_CMP_NE", 18, 0));
  EXPECT_FALSE(refuses("SCMP_CMP_NE", 18, 18));
  EXPECT_TRUE(refuses("SCMP_CMP_LT", 18, 17));
  EXPECT_FALSE(refuses("SCMP_CMP_LT", 18, 18));
  EXPECT_TRUE(refuses("SCMP_CMP_LE", 18, 18));
  EXPECT_TRUE(refuses("SCMP_CMP_GT", 17, 18));
  EXPECT_FALSE(refuses("SCMP_CMP_GE", 18, 17));
  EXPECT_TRUE(refuses("SCMP_CMP_MASKED_EQ", 2, 18, 2));
  EXPECT_FALSE(refuses("SCMP_CMP_MASKED_EQ", 2, 17, 2));
}

TEST_F(SeccompConformance, ArchitecturesAndFlags) {
  Json seccomp = allow_but(rule({"mkdir", "mkdirat"}, "SCMP_ACT_ERRNO"));
  seccomp["architectures"] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"};
  seccomp["flags"] = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC",
                      "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
  EXPECT_EQ(run(with(seccomp, kMakes)).out, "1\n");
  seccomp["flags"] = {"X"};
  expect_refused(seccomp, "flags[0]", "it is \"X\", and it is no seccomp flag: use SECCOMP_FILTER_FLAG_LOG");
  seccomp["flags"] = Json::array();
  for (const char* unknown : {"X86", "SCMP_ARCH_X"}) {
    seccomp["architectures"] = {unknown};
    expect_refused(seccomp, "architectures[0]", "SCMP_ARCH_X86_64");
  }
}

// A program may call the kernel as one of another architecture does.
TEST_F(SeccompConformance, CallsOfAnotherArchitecture) {
  auto calls = [](const Json& architectures, const char* name) {
    Json seccomp = allow_but(rule({name}, "SCMP_ACT_ERRNO"));
    seccomp["architectures"] = architectures;
    Json spec = with(seccomp, "/dev/inside i386-mkdir /dev/shm/x 2>/dev/null; echo $?");
    spec["mounts"].push_back({{"destination", "/dev/inside"},
                              {"source", std::filesystem::absolute("tests/oci/inside")},
                              {"options", {"bind", "ro"}}});
    return run(spec).out;
  };
  EXPECT_EQ(calls({"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}, "mkdir"), "Operation not permitted\n1\n");
  EXPECT_EQ(calls({"SCMP_ARCH_X86"}, "mkdir"), "Operation not permitted\n1\n") << "ours need not be named";
  EXPECT_EQ(calls({"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}, "chown"), "made\n0\n");
  EXPECT_EQ(calls({"SCMP_ARCH_X86_64"}, "chown"), "159\n") << "128 and SIGSYS: it was not named";
}

TEST_F(SeccompConformance, OneThatForbidsNearlyAllIsAnErrorWhateverItForbids) {
  const std::string killed = "killed before it could execute its command";
  for (const char* action : {"SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS"}) {
    const Json seccomp = {{"defaultAction", action}, {"syscalls", {rule({"read"}, "SCMP_ACT_ALLOW")}}};
    EXPECT_THAT(refused(with(seccomp, "true")), HasSubstr(killed)) << action;
    ASSERT_EQ(create("c1", with(seccomp, "true")).code, 0) << action;
    Output started = oci({"start", "c1"});
    EXPECT_EQ(started.code, 1) << action;
    EXPECT_THAT(started.err, HasSubstr(killed)) << action;
    EXPECT_EQ(oci({"delete", "c1"}).code, 0) << action;
  }
}

TEST_F(SeccompConformance, AnAgentDecides) {
  Agent agent(socket_path(), 1, 28);
  Output output = run(with(notify(socket_path()), kMakes));
  EXPECT_EQ(output.out, "1\n") << output;
  EXPECT_THAT(output.err, HasSubstr("No space left"));
  Json state = agent.state();
  EXPECT_EQ(agent.answered, 1);
  EXPECT_EQ(state["fds"], Json({"seccompFd"}));
  EXPECT_EQ(state["metadata"], "some words");
  EXPECT_EQ(state["state"]["id"], "run");
  EXPECT_EQ(state["state"]["status"], "creating");
  EXPECT_EQ(state["pid"], state["state"]["pid"]);
  EXPECT_TRUE(state.contains("ociVersion"));
}

TEST_F(SeccompConformance, AnAgentOfWhatIsStartedLaterAndOfExec) {
  ASSERT_EQ(create("c1", with(notify(socket_path()), "mkdir /dev/shm/x; echo $?; sleep 1000")).code, 0);
  {
    Agent agent(socket_path(), 1, 1);
    Output started = oci({"start", "c1"});
    EXPECT_EQ(started.code, 0) << started;
    EXPECT_TRUE(eventually([] { return container_out() == "1\n"; }));
    EXPECT_EQ(agent.state()["state"]["status"], "created");
  }
  unlink(socket_path().c_str());
  Agent agent(socket_path(), 1, 28);
  Output output = oci({"exec", "c1", "mkdir", "/dev/shm/y"});
  EXPECT_THAT(output.err, HasSubstr("No space left")) << output;
  Json state = agent.state();
  EXPECT_EQ(state["state"]["status"], "running");
  EXPECT_NE(state["pid"], state["state"]["pid"]);
}

TEST_F(SeccompConformance, WithoutAnAgentNothingStarts) {
  EXPECT_THAT(refused(with(notify(socket_path()), kMakes)), HasSubstr("cannot reach the seccomp agent"));
  Json seccomp = notify("");
  expect_refused(seccomp, "listenerMetadata", "it needs listenerPath");
  seccomp.erase("listenerMetadata");
  EXPECT_THAT(refused(with(seccomp, kMakes)), HasSubstr("nobody would be notified"));
  seccomp["listenerPath"] = "relative";
  expect_refused(seccomp, "listenerPath", "absolute path");
  seccomp = notify(socket_path());
  seccomp["syscalls"][0]["names"] = {"write"};
  expect_refused(seccomp, "syscalls[0].names", "must not have \"write\"");
}

TEST_F(SeccompConformance, Refused) {
  expect_refused(Json::object(), "defaultAction", "is missing");
  expect_refused({{"defaultAction", "X"}}, "defaultAction", "SCMP_ACT_ALLOW");
  expect_refused({{"defaultAction", "X"}}, "defaultAction", "it is \"X\", and it is no");
  expect_refused(allow_but(rule({"write"}, "Y")), "syscalls[0].action", "it is \"Y\"");
  expect_refused({{"defaultAction", "SCMP_ACT_NOTIFY"}}, "defaultAction", "must not be SCMP_ACT_NOTIFY");
  expect_refused({{"defaultAction", "SCMP_ACT_ALLOW"}, {"defaultErrnoRet", 1}}, "defaultErrnoRet",
                 "no meaning");
  Json one = rule({"mkdir"}, "SCMP_ACT_ALLOW");
  one["errnoRet"] = 1;
  expect_refused(allow_but(one), "syscalls[0].errnoRet", "no meaning");
  expect_refused(allow_but(rule(Json::array(), "SCMP_ACT_ERRNO")), "syscalls[0].names",
                 "must name a system call");
  one = rule({"mkdir"}, "SCMP_ACT_ERRNO");
  one["args"] = {{{"index", 6}, {"value", 1}, {"op", "SCMP_CMP_EQ"}}};
  expect_refused(allow_but(one), "syscalls[0].args[0].index", "at most 5");
  one["args"] = {{{"index", 0}, {"value", 1}, {"op", "X"}}};
  expect_refused(allow_but(one), "syscalls[0].args[0].op", "SCMP_CMP_EQ");
}

}  // namespace
}  // namespace rcrt::test
