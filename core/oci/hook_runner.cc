// SPDX-License-Identifier: MIT
#include "core/oci/hook_runner.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/oci/hooks.h"

namespace rcrt::oci {
namespace {

// One line of JSON each way.
bool send_line(int socket, const Json& json) {
  const std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  for (size_t at = 0; at < line.size();) {
    ssize_t sent = send(socket, line.data() + at, line.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    at += static_cast<size_t>(sent);
  }
  return true;
}

// Nothing is behind the line: the other side waits for its answer.
Json receive_line(int socket) {
  std::string line;
  char buffer[4096];
  while (!line.ends_with('\n')) {
    ssize_t got = read(socket, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    line.append(buffer, static_cast<size_t>(got));
  }
  return Json::parse(line, nullptr, false);
}

Json answer_to(const Json& request) {
  Hook hook;
  request.at("where").get_to(hook.where);
  request.at("path").get_to(hook.path);
  request.at("args").get_to(hook.args);
  request.at("env").get_to(hook.env);
  request.at("timeout").get_to(hook.timeout);
  auto ran = run_hook(hook, request.at("state"));
  if (ran) return Json::object();
  const Error& error = ran.error();
  return {{"what", error.what}, {"object", error.object}, {"code", error.code}, {"cause", error.cause}};
}

[[noreturn]] void serve(int socket) {
  // Whoever waits for the end of our caller's streams must not wait for us.
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int stream = 0; null >= 0 && stream < 3; ++stream) dup2(null, stream);
  dup2(socket, 3);
  syscall(SYS_close_range, 4, ~0U, 0);
  for (;;) {
    Json request = receive_line(3);
    if (!request.is_object() || !send_line(3, answer_to(request))) _exit(0);
  }
}

}  // namespace

Result<HookRunner> HookRunner::start() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_error("cannot make a socket pair");
  HookRunner runner;
  runner.socket_.reset(ends[0]);
  UniqueFd theirs(ends[1]);
  runner.pid_ = fork();
  if (runner.pid_ < 0) return errno_error("cannot start a process for the hooks");
  if (runner.pid_ == 0) serve(theirs.get());
  return runner;
}

HookRunner::HookRunner(HookRunner&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), socket_(std::move(other.socket_)) {}

HookRunner::~HookRunner() {
  if (pid_ <= 0) return;
  socket_.reset();
  waitpid(pid_, nullptr, 0);
}

Result<void> HookRunner::run(const Hook& hook, const Json& state) const {
  const Json request = {{"where", hook.where}, {"path", hook.path},       {"args", hook.args},
                        {"env", hook.env},     {"timeout", hook.timeout}, {"state", state}};
  Json answer;
  if (send_line(socket_.get(), request)) answer = receive_line(socket_.get());
  if (!answer.is_object()) return error("the process for the hooks was killed", hook.path);
  if (answer.empty()) return {};
  Error failed;
  answer.at("what").get_to(failed.what);
  answer.at("object").get_to(failed.object);
  answer.at("code").get_to(failed.code);
  answer.at("cause").get_to(failed.cause);
  failed.exit_code = 1;
  return std::unexpected(std::move(failed));
}

}  // namespace rcrt::oci
