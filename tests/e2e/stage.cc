// SPDX-License-Identifier: MIT
#include "tests/e2e/stage.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "base/tree.h"
#include "tests/e2e/own_host.h"

namespace rcrt::test {
namespace {

constexpr int kPatience = 20'000;  // milliseconds

void close_fd(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  for (const auto& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

bool drain(int& fd, std::string& text) {
  char buffer[65536];
  ssize_t n = read(fd, buffer, sizeof buffer);
  if (n > 0) text.append(buffer, static_cast<size_t>(n));
  if (n == 0) close_fd(fd);
  return n > 0;
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const Output& output) {
  return stream << "exit code " << output.code << "\n--- out\n" << output.out << "--- err\n" << output.err;
}

Process::Process(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) abort();
  auto argv = pointers(command), envp = pointers(environment);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    execve(argv[0], argv.data(), envp.data());
    _exit(126);
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  in_ = in[1], out_ = out[0], err_ = err[0];
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  for (int* fd : {&in_, &out_, &err_}) close_fd(*fd);
}

void Process::write(const std::string& text) {
  fcntl(in_, F_SETFL, O_NONBLOCK);
  for (size_t done = 0; done < text.size();) {
    ssize_t n = ::write(in_, text.data() + done, text.size() - done);
    if (n < 0 && errno == EAGAIN)
      read_some(20);  // it may wait for us to read what it writes
    else if (n <= 0)
      return;  // it reads no more
    else
      done += static_cast<size_t>(n);
  }
}

void Process::close_input() { close_fd(in_); }

void Process::signal(int number) { kill(pid_, number); }

bool Process::read_some(int timeout_ms) {
  pollfd fds[2] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
  if (poll(fds, 2, timeout_ms) <= 0) return false;
  if (fds[0].revents != 0) drain(out_, output_.out);
  if (fds[1].revents != 0) drain(err_, output_.err);
  return true;
}

bool Process::wait_for(const std::string& text) {
  while (output_.out.find(text) == std::string::npos)
    if (out_ < 0 || !read_some(kPatience)) return false;
  return true;
}

Output Process::finish() {
  close_input();
  int status = 0;
  while (pid_ > 0) {
    if (out_ >= 0 || err_ >= 0)
      read_some(50);
    else
      usleep(1000);
    if (waitpid(pid_, &status, WNOHANG) != pid_) continue;
    pid_ = -1;
    output_.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  while (out_ >= 0 || err_ >= 0)
    if (!read_some(kPatience)) {
      ADD_FAILURE() << "somebody still holds a stream of the program that has ended";
      break;
    }
  return output_;
}

Stage::Stage(const std::string& tar) {
  // The command of the container is not allowed to see what the tests' process got.
  signal(SIGPIPE, SIG_IGN);
  char name[] = "/var/lib/rcrt-test.XXXXXX";
  if (mkdtemp(name) == nullptr) abort();
  dir_ = name;
  chmod(dir_.c_str(), 0755);
  mkdir((dir_ + "/p").c_str(), 0755);
  std::string said = observe("tar -xf '" + tar + "' -C " + dir_ + "/p --no-same-owner");
  EXPECT_EQ(said, "");
}

Stage::~Stage() {
  run({"rm", "-f", "--all"});
  run({"network", "teardown"});
  auto removed = remove_tree(dir_.c_str());
  EXPECT_TRUE(removed) << removed.error().message();
}

std::vector<std::string> Stage::command(const std::vector<std::string>& args) const {
  std::vector<std::string> words = {program()};
  words.insert(words.end(), args.begin(), args.end());
  return words;
}

std::vector<std::string> Stage::whole_environment() const {
  std::vector<std::string> all = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "RCRT_ROOT=" + root(),
                                  "RCRT_STATE=" + state()};
  all.insert(all.end(), environment.begin(), environment.end());
  return all;
}

std::unique_ptr<Process> Stage::start(const std::vector<std::string>& args) {
  return std::make_unique<Process>(command(args), whole_environment());
}

Output Stage::run(const std::vector<std::string>& args, const std::string& input) {
  auto process = start(args);
  process->write(input);
  return process->finish();
}

Json Stage::inspect(const std::string& name) {
  Output output = run({"inspect", name});
  Json list = Json::parse(output.out, nullptr, false);
  if (output.code != 0 || !list.is_array() || list.empty()) {
    ADD_FAILURE() << "inspect " << name << ": " << output;
    return Json::object();
  }
  return list[0];
}

std::string Stage::file(const std::string& name, const std::string& text, mode_t mode) {
  std::string path = dir_ + "/" + name;
  std::ofstream(path) << text;
  chmod(path.c_str(), mode);
  return path;
}

std::string Stage::leftovers() const {
  return observe(
      "find " + root() + "/containers " + root() + "/names " + state() +
      "/containers -mindepth 1 -maxdepth 1 2>/dev/null; find " + state() +
      "/networks -path '*/leases/*' 2>/dev/null; find /sys/fs/cgroup/rcrt -mindepth 1 -type d 2>/dev/null");
}

bool eventually(const std::function<bool()>& condition) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    usleep(10'000);
  }
  return condition();
}

void StageTest::SetUpTestSuite() {
  if (!own_host_problem().empty()) return;
  before_ = std::make_unique<HostState>(HostState::take());
  stage = std::make_unique<Stage>(tar);
  Output first = run({"run", "--rm", "busybox", "true"});
  ASSERT_EQ(first.code, 0) << first;
}

void StageTest::TearDownTestSuite() {
  if (!stage) return;
  stage.reset();
  // Shared network objects go a quarter of a second after the last container.
  std::string left;
  eventually([&] { return (left = before_->diff(HostState::take())).empty(); });
  EXPECT_EQ(left, "");
  before_.reset();
}

void StageTest::SetUp() {
  if (!own_host_problem().empty()) GTEST_SKIP() << own_host_problem();
}

void StageTest::TearDown() {
  if (!stage) return;
  std::string left;
  if (eventually([&] { return (left = stage->leftovers()).empty(); })) return;
  ADD_FAILURE() << "left behind:\n" << left;
  stage->run({"rm", "-f", "--all"});
}

Output StageTest::box(std::vector<std::string> options, const std::vector<std::string>& command,
                      const std::string& input) {
  options.insert(options.begin(), {"run", "--rm"});
  options.push_back("busybox");
  options.insert(options.end(), command.begin(), command.end());
  return run(options, input);
}

}  // namespace rcrt::test
