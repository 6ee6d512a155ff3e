// SPDX-License-Identifier: MIT
#include "tests/oci/oci_stage.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/e2e/own_host.h"

namespace rcrt::test {

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void OciTest::SetUpTestSuite() {
  if (!own_host_problem().empty()) return;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  stage = std::make_unique<Stage>();
  Output unpacked = stage->run({"unpack", "busybox", rootfs()});
  ASSERT_EQ(unpacked.code, 0) << unpacked;
}

void OciTest::TearDownTestSuite() { stage.reset(); }

void OciTest::SetUp() {
  if (!own_host_problem().empty()) GTEST_SKIP() << own_host_problem();
}

void OciTest::TearDown() {
  if (!stage) return;
  oci({"delete", "--force", "--regex", "."});
  EXPECT_EQ(leftovers(), "");
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

Json OciTest::config(const std::string& script) {
  static const Json base = [] {
    std::string dir = stage->dir() + "/spec";
    std::filesystem::create_directory(dir);
    Output made = oci({"spec", "--bundle", dir});
    EXPECT_EQ(made.code, 0) << made;
    Json spec = Json::parse(contents(dir + "/config.json"));
    spec["process"]["terminal"] = false;
    return spec;
  }();
  Json spec = base;
  spec["process"]["args"] = {"sh", "-c", script};
  spec["root"]["path"] = rootfs();
  return spec;
}

std::string OciTest::bundle(const Json& config) {
  std::string dir = stage->dir() + "/bundle";
  std::filesystem::create_directory(dir);
  std::ofstream(dir + "/config.json") << config.dump();
  return dir;
}

std::vector<std::string> OciTest::command(const std::vector<std::string>& args) {
  std::vector<std::string> words = {stage->dir() + "/p/bin/rcrt-oci", "--root", root()};
  words.insert(words.end(), args.begin(), args.end());
  return words;
}

Output OciTest::oci(const std::vector<std::string>& args, const std::string& input) {
  Process process(command(args), {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "RCRT_ROOT=" + stage->root()});
  process.write(input);
  return process.finish();
}

std::string OciTest::container_out() { return contents(stage->dir() + "/out"); }
std::string OciTest::container_err() { return contents(stage->dir() + "/err"); }

Output OciTest::oci_apart(const std::vector<std::string>& args, const std::string& program) {
  auto words = command(args);
  if (!program.empty()) words[0] = program;
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::string out = stage->dir() + "/out", err = stage->dir() + "/err";
  pid_t pid = fork();
  if (pid == 0) {
    int in = open("/dev/null", O_RDONLY);
    int to_out = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
    int to_err = open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
    dup2(in, 0), dup2(to_out, 1), dup2(to_err, 2);
    for (int fd = 3; fd < 64; ++fd) close(fd);
    setenv("RCRT_ROOT", stage->root().c_str(), 1);
    execv(argv[0], argv.data());
    _exit(126);
  }
  Output output;
  output.code = wait_for(pid);
  output.out = contents(out);
  output.err = contents(err);
  return output;
}

Output OciTest::run(const Json& config, const std::vector<std::string>& options) {
  std::vector<std::string> args = {"run", "--bundle", bundle(config)};
  args.insert(args.end(), options.begin(), options.end());
  args.push_back("run");
  return oci(args);
}

std::string OciTest::refused(const Json& config) {
  const std::string before = leftovers();
  Output output = run(config);
  EXPECT_EQ(output.code, 1) << output;
  EXPECT_EQ(output.out, "");
  EXPECT_EQ(leftovers(), before) << "something was made";
  return output.err;
}

void OciTest::expect_invalid(const Json& config, const std::string& path, const std::string& shown,
                             const std::string& allowed) {
  const std::string error = refused(config);
  EXPECT_THAT(error, testing::HasSubstr("invalid configuration: " + path));
  EXPECT_THAT(error, testing::HasSubstr(shown));
  EXPECT_THAT(error, testing::HasSubstr(allowed));
}

Output OciTest::create(const std::string& id, const Json& config) {
  return oci_apart({"create", "--bundle", bundle(config), "--pid-file", stage->dir() + "/pid", id});
}

std::string OciTest::status(const std::string& id) {
  Output output = oci({"state", id});
  if (output.code != 0) return output.err;
  return Json::parse(output.out)["status"].get<std::string>();
}

pid_t OciTest::pid(const std::string& id) {
  Output output = oci({"state", id});
  return output.code == 0 ? Json::parse(output.out)["pid"].get<pid_t>() : -1;
}

int OciTest::wait_for(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string OciTest::leftovers() {
  std::string found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(root(), ignored))
    found += entry.path().string() + "\n";
  for (const auto& entry : std::filesystem::recursive_directory_iterator("/sys/fs/cgroup", ignored))
    if (entry.is_directory() && entry.path().string().find("rcrt-oci") != std::string::npos)
      found += entry.path().string() + "\n";
  return found;
}

}  // namespace rcrt::test
