// SPDX-License-Identifier: MIT
// create, start, state, kill, delete, run, list: as engines use them.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

using Lifecycle = OciTest;

TEST_F(Lifecycle, CreatedIsNotYetRunAndItsStatusReachesTheSubreaper) {
  Output created = create("c1", config("echo ran; exit 7"));
  ASSERT_EQ(created.code, 0) << created;
  pid_t process = std::stoi(contents(stage->dir() + "/pid"));
  EXPECT_EQ(status("c1"), "created");
  EXPECT_EQ(pid("c1"), process);
  EXPECT_EQ(container_out(), "");
  std::string text = contents("/proc/" + std::to_string(process) + "/status");
  EXPECT_NE(text.find("PPid:\t" + std::to_string(getpid()) + "\n"), text.npos) << text;

  Output started = oci({"start", "c1"});
  ASSERT_EQ(started.code, 0) << started;
  EXPECT_EQ(wait_for(process), 7);
  EXPECT_EQ(container_out(), "ran\n");
  EXPECT_EQ(status("c1"), "stopped");
  EXPECT_EQ(oci({"delete", "c1"}).code, 0);
  Output gone = oci({"state", "c1"});
  EXPECT_EQ(gone.code, 1);
  EXPECT_NE(gone.err.find("container does not exist"), gone.err.npos) << gone;
}

TEST_F(Lifecycle, NothingOfOursIsLeftBesideTheContainer) {
  ASSERT_EQ(create("c1", config("sleep 100")).code, 0);
  pid_t process = pid("c1");
  std::string children = contents("/proc/self/task/" + std::to_string(getpid()) + "/children");
  EXPECT_EQ(children, std::to_string(process) + " ");
  EXPECT_EQ(oci({"start", "c1"}).code, 0);
  EXPECT_EQ(contents("/proc/self/task/" + std::to_string(getpid()) + "/children"), children);
  EXPECT_EQ(oci({"delete", "--force", "c1"}).code, 0);
  EXPECT_EQ(wait_for(process), 128 + SIGKILL);
}

TEST_F(Lifecycle, LoopbackIsUpInANewNetwork) {
  Output output = run_script("ip -o link show up");
  EXPECT_EQ(output.out.substr(0, 7), "1: lo: ") << output;
}

TEST_F(Lifecycle, StateSaysWhatTheSpecificationAsksFor) {
  Json spec = config("sleep 100");
  spec["annotations"] = {{"org.example.key", "value"}};
  ASSERT_EQ(create("c1", spec).code, 0);
  Json state = Json::parse(oci({"state", "c1"}).out);
  EXPECT_EQ(state["ociVersion"].get<std::string>().substr(0, 2), "1.");
  EXPECT_EQ(state["id"], "c1");
  EXPECT_EQ(state["status"], "created");
  EXPECT_EQ(state["bundle"], stage->dir() + "/bundle");
  EXPECT_EQ(state["annotations"]["org.example.key"], "value");
  Json list = Json::parse(oci({"list", "--format", "json"}).out);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["id"], "c1");
  EXPECT_EQ(oci({"list", "-q"}).out, "c1\n");
  EXPECT_EQ(oci({"list"}).out.substr(0, 2), "ID");
}

TEST_F(Lifecycle, EachStateAllowsWhatItShould) {
  ASSERT_EQ(create("c1", config("sleep 100")).code, 0);
  EXPECT_EQ(create("c1", config("true")).code, 1) << "an id twice";
  EXPECT_EQ(status("c1"), "created") << "the first is untouched";
  EXPECT_EQ(oci({"start", "c1"}).code, 0);
  EXPECT_EQ(oci({"kill", "c1", "0"}).code, 0) << "nothing is sent";
  EXPECT_EQ(oci({"start", "c1"}).code, 1) << "started twice";
  Output refused = oci({"delete", "c1"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("not stopped"), refused.err.npos) << refused;
  EXPECT_EQ(oci({"kill", "c1", "9"}).code, 0);
  wait_for(pid("c1") > 0 ? pid("c1") : -1);
  EXPECT_TRUE(eventually([] { return status("c1") == "stopped"; }));
  Output dead = oci({"kill", "c1", "TERM"});
  EXPECT_EQ(dead.code, 1);
  EXPECT_NE(dead.err.find("container not running"), dead.err.npos) << dead;
  EXPECT_EQ(oci({"start", "c1"}).code, 1) << "started when stopped";
  EXPECT_EQ(oci({"delete", "c1"}).code, 0);
  EXPECT_EQ(oci({"delete", "c1"}).code, 1);
  EXPECT_EQ(oci({"delete", "--force", "c1"}).code, 0) << "as runc";
}

TEST_F(Lifecycle, KillTakesEveryFormOfASignal) {
  for (const char* signal : {"KILL", "SIGKILL", "9"}) {
    ASSERT_EQ(create("c1", config("sleep 100")).code, 0);
    pid_t process = pid("c1");
    EXPECT_EQ(oci({"kill", "c1", signal}).code, 0) << signal;
    EXPECT_EQ(wait_for(process), 128 + SIGKILL);
    EXPECT_EQ(oci({"delete", "c1"}).code, 0);
  }
  ASSERT_EQ(create("c1", config("trap 'echo term; exit 0' TERM; while :; do sleep 0.1; done")).code, 0);
  pid_t process = pid("c1");
  EXPECT_EQ(oci({"start", "c1"}).code, 0);
  EXPECT_EQ(oci({"kill", "c1", "NOSUCH"}).code, 1);
  EXPECT_TRUE(eventually([] {
    oci({"kill", "c1"});
    return container_out() == "term\n";
  }));
  EXPECT_EQ(wait_for(process), 0);
}

TEST_F(Lifecycle, SignalsEndWhatIsCreatedOnly) {
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGSEGV, SIGPIPE, SIGRTMAX}) {
    ASSERT_EQ(create("c1", config("sleep 100")).code, 0);
    pid_t process = pid("c1");
    for (const char* harmless : {"CHLD", "CONT", "URG", "WINCH"})
      EXPECT_EQ(oci({"kill", "c1", harmless}).code, 0) << harmless;
    EXPECT_EQ(status("c1"), "created");
    EXPECT_EQ(oci({"kill", "c1", std::to_string(signal)}).code, 0) << signal;
    EXPECT_EQ(wait_for(process), 128 + signal);
    EXPECT_EQ(status("c1"), "stopped");
    EXPECT_EQ(oci({"delete", "c1"}).code, 0);
  }
}

TEST_F(Lifecycle, KillAllReachesEveryProcess) {
  Json spec = config("sleep 100 & sleep 100");
  std::erase_if(spec["linux"]["namespaces"].get_ref<Json::array_t&>(),
                [](const Json& space) { return space["type"] == "pid"; });
  ASSERT_EQ(create("c1", spec).code, 0);
  pid_t process = pid("c1");
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  EXPECT_TRUE(eventually([] { return Json::parse(oci({"ps", "-f", "json", "c1"}).out).size() == 2; }));
  EXPECT_EQ(oci({"kill", "--all", "c1", "KILL"}).code, 0);
  EXPECT_EQ(wait_for(process), 128 + SIGKILL);
  EXPECT_TRUE(eventually([] {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    return Json::parse(oci({"ps", "-f", "json", "c1"}).out).empty();
  }));
}

TEST_F(Lifecycle, IdsAreChecked) {
  std::string dir = bundle_of("true");
  for (const char* id : {"a/b", "..", ".", "", "a b", "../x", "a\nb"}) {
    Output output = oci({"create", "--bundle", dir, id});
    EXPECT_EQ(output.code, 1) << id;
    EXPECT_EQ(leftovers(), "");
    EXPECT_EQ(oci({"delete", "--force", id}).code, 1) << id;
  }
  Output good = oci({"run", "--bundle", dir, "Az09_+-."});
  EXPECT_EQ(good.code, 0) << good;
}

TEST_F(Lifecycle, DeleteByRegularExpression) {
  for (const char* id : {"web-1", "web-2", "db-1"}) ASSERT_EQ(create(id, config("true")).code, 0);
  EXPECT_EQ(oci({"delete", "--regex", "^web-"}).code, 0);
  EXPECT_EQ(oci({"list", "-q"}).out, "db-1\n");
}

TEST_F(Lifecycle, ATruncatedStateIsSaidAndCanBeRemoved) {
  ASSERT_EQ(create("c1", config("sleep 100")).code, 0);
  pid_t process = pid("c1");
  std::string state = contents(root() + "/c1/state.json");
  std::ofstream(root() + "/c1/state.json") << state.substr(0, state.size() / 2);
  Output output = oci({"state", "c1"});
  EXPECT_EQ(output.code, 1);
  EXPECT_NE(output.err.find("damaged"), output.err.npos) << output;
  Output list = oci({"list", "-q"});
  EXPECT_EQ(list.code, 0);
  EXPECT_NE(list.err.find("c1/state.json"), list.err.npos) << "it is not hidden: " << list;
  for (bool missing : {false, true}) {
    if (missing) unlink((root() + "/c1/state.json").c_str());
    Output refused = oci({"delete", "c1"});
    EXPECT_EQ(refused.code, 1) << missing;
    EXPECT_NE(refused.err.find("c1/state.json"), refused.err.npos) << refused;
    EXPECT_NE(refused.err.find("delete --force"), refused.err.npos) << refused;
    EXPECT_EQ(kill(process, 0), 0) << "nothing says that it has ended";
    EXPECT_EQ(waitpid(process, nullptr, WNOHANG), 0);
  }
  EXPECT_EQ(oci({"delete", "--force", "c1"}).code, 0);
  EXPECT_EQ(wait_for(process), 128 + SIGKILL) << "its cgroup was emptied";
}

TEST_F(Lifecycle, FoldersOfOthersAreNoContainers) {
  const std::string other = root() + "/other", bundle = root() + "/bundle", empty = root() + "/empty";
  ASSERT_EQ(create("c1", config("sleep 100")).code, 0);
  for (const auto& folder : {other, bundle, empty}) ASSERT_EQ(mkdir(folder.c_str(), 0755), 0);
  std::ofstream(other + "/file") << "text";
  std::ofstream(bundle + "/config.json") << "{}";
  Output list = oci({"list", "-q"});
  EXPECT_EQ(list.out, "c1\n");
  EXPECT_EQ(list.err, "");
  EXPECT_EQ(oci({"delete", "--force", "--regex", "."}).code, 0);
  for (const char* id : {"other", "bundle", "empty"}) {
    EXPECT_EQ(oci({"delete", "--force", id}).code, 0) << "there is no such container";
    EXPECT_NE(oci({"delete", id}).err.find("container does not exist"), std::string::npos) << id;
  }
  EXPECT_EQ(contents(other + "/file"), "text");
  EXPECT_EQ(unlink((other + "/file").c_str()), 0);
  EXPECT_EQ(unlink((bundle + "/config.json").c_str()), 0);
  for (const auto& folder : {other, bundle, empty}) EXPECT_EQ(rmdir(folder.c_str()), 0) << folder;
}

TEST_F(Lifecycle, APidThatSomebodyElseHasIsNotTheContainers) {
  ASSERT_EQ(create("c1", config("sleep 100")).code, 0);
  pid_t process = pid("c1");
  usleep(50'000);  // start times are counted in ticks of 10 ms
  pid_t other = fork();
  if (other == 0) {
    pause();
    _exit(0);
  }
  Json state = Json::parse(contents(root() + "/c1/state.json"));
  state["pid"] = other;
  std::ofstream(root() + "/c1/state.json") << state.dump();
  EXPECT_EQ(status("c1"), "stopped");
  EXPECT_EQ(oci({"kill", "c1", "KILL"}).code, 1);
  EXPECT_EQ(oci({"delete", "c1"}).code, 0);
  EXPECT_EQ(kill(other, 0), 0) << "the innocent lives";
  kill(other, SIGKILL);
  EXPECT_EQ(wait_for(other), 128 + SIGKILL);
  EXPECT_EQ(wait_for(process), 128 + SIGKILL) << "its cgroup was emptied";
}

TEST_F(Lifecycle, RunForwardsSignalsAndReturnsTheExitCode) {
  EXPECT_EQ(run_script("exit 42").code, 42);
  EXPECT_EQ(run_script("kill -9 $$; kill -KILL -1; sleep 1").code, 0) << "process 1 is safe from itself";
  Process process(command({"run", "--bundle",
                           bundle_of("trap 'exit 9' USR1; echo ready; while :; do sleep 0.1; done"), "c1"}),
                  {"RCRT_ROOT=" + stage->root()});
  ASSERT_TRUE(process.wait_for("ready"));
  process.signal(SIGUSR1);
  EXPECT_EQ(process.finish().code, 9);
  EXPECT_EQ(oci({"list", "-q"}).out, "");
}

TEST_F(Lifecycle, RunDetachedAndKept) {
  Output output = oci_apart({"run", "--detach", "--bundle", bundle_of("sleep 100"), "c1"});
  ASSERT_EQ(output.code, 0) << output;
  EXPECT_EQ(status("c1"), "running");
  EXPECT_EQ(oci({"delete", "-f", "c1"}).code, 0);
  EXPECT_EQ(run(config("exit 3"), {"--keep"}).code, 3);
  EXPECT_EQ(status("run"), "stopped");
}

TEST_F(Lifecycle, AMissingCommandIsAnErrorOfCreate) {
  Json spec = config("");
  spec["process"]["args"] = {"nosuchcommand"};
  Output output = create("c1", spec);
  EXPECT_EQ(output.code, 1);
  EXPECT_NE(output.err.find("executable file not found"), output.err.npos) << output;
  EXPECT_EQ(leftovers(), "");
  spec["process"]["args"] = {"/etc/passwd"};
  output = create("c1", spec);
  EXPECT_EQ(output.code, 1);
  EXPECT_NE(output.err.find("permission denied"), output.err.npos) << output;
  spec["process"]["args"] = {"/nosuch/file"};
  output = create("c1", spec);
  EXPECT_NE(output.err.find("no such file or directory"), output.err.npos) << output;
}

TEST_F(Lifecycle, DescriptorsArePassedOnlyWhenAskedFor) {
  Output plain = run_script("ls /proc/self/fd | wc -l");
  EXPECT_EQ(plain.out, "4\n") << "0, 1, 2 and the one of ls: " << plain;
  std::string file = stage->file("given", "given text\n");
  std::string script = "exec 3<" + file + " 4</dev/null 5<" + file + "; exec \"$@\"";
  std::vector<std::string> words = {"/bin/sh", "-c", script, "sh"};
  auto ours = command({"run", "--preserve-fds", "1", "--bundle",
                       bundle_of("cat <&3; ls /proc/self/fd | wc -l; echo $HOME"), "c1"});
  words.insert(words.end(), ours.begin(), ours.end());
  Process process(words, {"PATH=/bin:/usr/bin", "RCRT_ROOT=" + stage->root()});
  Output output = process.finish();
  EXPECT_EQ(output.out, "given text\n5\n/root\n") << output;
}

TEST_F(Lifecycle, SocketsOfSystemdAreTheContainers) {
  Json spec =
      config("cat <&3; cat <&4; ls /proc/self/fd | wc -l; echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES");
  spec["process"]["env"].push_back("LISTEN_FDS=7");
  auto run_with = [&](const std::string& variables, const std::vector<std::string>& options) {
    const std::string script = "exec 3<" + stage->file("first", "one\n") + " 4<" +
                               stage->file("second", "two\n") + "; " + variables + " exec \"$@\"";
    std::vector<std::string> words = {"/bin/sh", "-c", script, "sh"};
    auto ours = command({"run", "--bundle", bundle(spec)});
    words.insert(words.end(), ours.begin(), ours.end());
    words.insert(words.end(), options.begin(), options.end());
    words.push_back("c1");
    return Process(words, {"PATH=/bin:/usr/bin", "RCRT_ROOT=" + stage->root()}).finish();
  };
  EXPECT_EQ(run_with("LISTEN_FDS=2 LISTEN_PID=$$ LISTEN_FDNAMES=a:b", {}).out, "one\ntwo\n6\n2 1 a:b\n");
  EXPECT_EQ(run_with("LISTEN_FDS=1 LISTEN_PID=$$", {"--preserve-fds", "1"}).out, "one\ntwo\n6\n1 1\n");
  EXPECT_EQ(run_with("LISTEN_FDS=2 LISTEN_PID=1", {"--preserve-fds", "2"}).out, "one\ntwo\n6\n7\n")
      << "they are somebody else's";
  for (const char* wrong : {"-1", "257", "x"}) {
    Output output = run_with(std::string("LISTEN_PID=$$ LISTEN_FDS=") + wrong, {});
    EXPECT_EQ(output.code, 1) << output;
    EXPECT_NE(output.err.find("LISTEN_FDS"), output.err.npos) << output;
  }
}

TEST_F(Lifecycle, ACgroupOfItsOwnIsThereUnasked) {
  Json spec = config("sleep 100");
  spec["linux"].erase("resources");
  ASSERT_EQ(create("c1", spec).code, 0);
  EXPECT_EQ(contents("/sys/fs/cgroup/rcrt-oci/c1/cgroup.procs"), std::to_string(pid("c1")) + "\n");
  ASSERT_EQ(oci({"start", "c1"}).code, 0);
  EXPECT_EQ(oci({"pause", "c1"}).code, 0);
  EXPECT_EQ(status("c1"), "paused");
  EXPECT_EQ(oci({"resume", "c1"}).code, 0);
  EXPECT_EQ(oci({"events", "--stats", "c1"}).code, 0);
  // As runc: a device that no rule names is out of reach, whatever the capabilities.
  spec["process"]["args"] = {"sh", "-c", "mknod /dev/mem1 c 1 1 && cat /dev/mem1"};
  for (const char* set : {"bounding", "effective", "permitted"})
    spec["process"]["capabilities"][set].push_back("CAP_MKNOD");
  EXPECT_NE(run(spec).err.find("Operation not permitted"), std::string::npos);
  // There is none when it is not wanted.
  Output without =
      oci({"--cgroup-manager", "disabled", "run", "--bundle", bundle_of("cat /proc/self/cgroup"), "c2"});
  EXPECT_EQ(without.code, 0) << without;
  EXPECT_EQ(without.out.find("c2"), without.out.npos);
}

TEST_F(Lifecycle, ErrorsOfLimitsNameTheWholePath) {
  Json spec = config("true");
  spec["linux"]["resources"]["pids"]["limit"] = "many";
  EXPECT_NE(
      refused(spec).find("\"linux.resources.pids.limit\": invalid argument; it is \"many\", and it must be"),
      std::string::npos);
  spec = config("true");
  spec["linux"]["resources"]["devices"] = {{{"allow", true}, {"access", "rx"}}};
  EXPECT_NE(
      refused(spec).find("\"linux.resources.devices[0].access\": invalid argument; it is \"rx\", and it must "
                         "be made of the letters r, w and m"),
      std::string::npos);
}

TEST_F(Lifecycle, TheConfigurationIsJsonAndNothingElse) {
  Json spec = config("echo ran");
  spec["process"]["terminal"] = nullptr;
  EXPECT_EQ(run(spec).out, "ran\n") << "null is as good as absent";
  const std::string good = spec.dump();
  using namespace std::string_literals;
  for (const auto& [text, why] : {std::pair{good + "\0"s, "NUL"},
                                  {good + "\0 and more"s, "NUL"},
                                  {"\xef\xbb\xbf" + good, "byte order mark"},
                                  {good + "x", "see byte"}}) {
    const std::string file = stage->file("other.json", text);
    Output output = oci({"run", "--bundle", bundle(spec), "--config", file, "c1"});
    EXPECT_EQ(output.code, 1) << output;
    EXPECT_NE(output.err.find(why), output.err.npos) << output;
    EXPECT_NE(output.err.find(file), output.err.npos) << output;
  }
  const std::string file = stage->file("other.json", config("echo other").dump());
  EXPECT_EQ(oci({"run", "--bundle", bundle(spec), "--config", file, "c1"}).out, "other\n");
}

TEST_F(Lifecycle, TheSessionKeyringIsTheContainersOrTheCallers) {
  // Earlier ones stay for a while: each has a name of its own.
  auto seen = [](const std::string& id, std::vector<std::string> options) {
    Json spec = config("grep -c rcrt-" + id + " /proc/keys");
    spec["linux"]["maskedPaths"] = Json::array();
    options.insert(options.begin(), {"run", "--bundle", bundle(spec)});
    options.push_back(id);
    return oci(options).out;
  };
  const std::string mine = std::to_string(getpid());
  EXPECT_EQ(seen("own-" + mine, {}), "1\n");
  EXPECT_EQ(seen("callers-" + mine, {"--no-new-keyring"}), "0\n");
}

TEST_F(Lifecycle, VersionAndFeatures) {
  EXPECT_EQ(oci({"nosuch"}).code, 3) << "as runc";
  EXPECT_EQ(oci({"help", "run"}).out, oci({"run", "--help"}).out);
  std::string version = oci({"--version"}).out;
  EXPECT_EQ(version.find("rcrt-oci version "), 0u);
  EXPECT_NE(version.find("\ncommit: "), version.npos);
  EXPECT_NE(version.find("\nspec: 1."), version.npos);
  EXPECT_NE(version.find("\n+SECCOMP"), version.npos);
  Json features = Json::parse(oci({"features"}).out);
  EXPECT_EQ(features["ociVersionMin"], "1.0.0");
  EXPECT_EQ(features["hooks"].size(), 6u);
}

}  // namespace
}  // namespace rcrt::test
