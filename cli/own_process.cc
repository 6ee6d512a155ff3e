// SPDX-License-Identifier: MIT
#include "cli/own_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "base/pipe.h"
#include "core/process.h"

namespace rcrt::cli {
namespace {

Json answer_of(Engine& engine, const Result<void>& done) {
  Json answer = {{"left", engine.left_networks()}};
  if (!done) {
    const Error& error = done.error();
    answer["error"] = {{"what", error.what}, {"object", error.object}, {"code", error.code},
                       {"hint", error.hint}, {"cause", error.cause},   {"exit_code", error.exit_code}};
  }
  return answer;
}

[[noreturn]] void do_and_answer(Engine& engine, Pipe& said, Pipe& answer,
                                const std::function<Result<void>()>& work) {
  // Whoever reads our output is not kept waiting by a process that hangs.
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd : {STDIN_FILENO, STDOUT_FILENO}) dup2(null.get(), fd);
  dup2(said.write_end.get(), STDERR_FILENO);
  signal(SIGPIPE, SIG_IGN);  // when nobody waits for us any more
  const std::string text = answer_of(engine, work()).dump(-1, ' ', false, Json::error_handler_t::replace);
  fflush(stderr);
  (void)!write(answer.write_end.get(), text.data(), text.size());
  _exit(0);
}

// Copies what comes to standard error, or to `into`; false at the end.
bool pass_on(int fd, std::string* into = nullptr) {
  char buffer[4096];
  const ssize_t size = read(fd, buffer, sizeof buffer);
  if (size <= 0) return false;
  if (into != nullptr)
    into->append(buffer, static_cast<size_t>(size));
  else
    fwrite(buffer, 1, static_cast<size_t>(size), stderr);
  return true;
}

// Both streams to their end, or false when that takes too long.
bool read_answer(int said, int answer, int64_t end, std::string& text) {
  pollfd fds[2] = {{said, POLLIN, 0}, {answer, POLLIN, 0}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    const int64_t left = end - now_ns() / 1'000'000;
    if (left <= 0 || poll(fds, 2, static_cast<int>(left)) == 0) return false;
    if (fds[0].revents != 0 && !pass_on(said)) fds[0].fd = -1;
    if (fds[1].revents != 0 && !pass_on(answer, &text)) fds[1].fd = -1;
  }
  return true;
}

Result<void> result_of(Engine& engine, const std::string& text) {
  const Json answer = Json::parse(text, nullptr, false);
  if (!answer.is_object()) return error("the process that rcrt had made for this was killed");
  for (const auto& network : answer.value("left", std::vector<std::string>()))
    engine.left_networks().insert(network);
  const auto found = answer.find("error");
  if (found == answer.end()) return {};
  return std::unexpected(Error{found->value("what", ""), found->value("object", ""), found->value("code", 0),
                               found->value("hint", ""), found->value("cause", ""),
                               found->value("exit_code", 125)});
}

}  // namespace

Result<pid_t> in_own_process(Engine& engine, int timeout_ms, const std::function<Result<void>()>& work) {
  RCRT_ASSIGN(Pipe said, make_pipe());
  RCRT_ASSIGN(Pipe answer, make_pipe());
  const int64_t end = now_ns() / 1'000'000 + timeout_ms;
  fflush(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return errno_error("cannot make a process");
  if (pid == 0) do_and_answer(engine, said, answer, work);
  said.write_end.reset();
  answer.write_end.reset();
  std::string text;
  if (!read_answer(said.read_end.get(), answer.read_end.get(), end, text)) return pid;
  waitpid(pid, nullptr, 0);
  RCRT_TRY(result_of(engine, text));
  return 0;
}

}  // namespace rcrt::cli
