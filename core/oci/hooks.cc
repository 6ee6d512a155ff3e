// SPDX-License-Identifier: MIT
#include "core/oci/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/pipe.h"
#include "base/unique_fd.h"
#include "core/oci/hook_runner.h"
#include "core/process.h"

namespace rcrt::oci {
namespace {

std::unexpected<Error> bad(const std::string& where, const std::string& value, const char* allowed) {
  return error("invalid configuration: " + where, value.substr(0, 200), allowed);
}

Result<std::vector<std::string>> texts(const Json& hook, const char* key, const std::string& where) {
  std::vector<std::string> list;
  auto it = hook.find(key);
  if (it == hook.end() || it->is_null()) return list;
  if (!it->is_array()) return bad(where + "." + key, it->dump(), "it must be an array of strings");
  for (size_t i = 0; i < it->size(); ++i) {
    const auto* text = (*it)[i].get_ptr<const std::string*>();
    if (text == nullptr || text->find('\0') != std::string::npos)
      return bad(where + "." + key + "[" + std::to_string(i) + "]", (*it)[i].dump(), "it must be a string");
    list.push_back(*text);
  }
  return list;
}

Result<Hook> read_hook(const Json& json, const std::string& where) {
  if (!json.is_object()) return bad(where, json.dump(), "it must be an object");
  Hook hook;
  hook.where = where;
  auto path = json.find("path");
  if (path == json.end() || !path->is_string()) return bad(where + ".path", "", "it is required");
  hook.path = path->get<std::string>();
  if (hook.path.empty() || hook.path[0] != '/' || hook.path.find('\0') != std::string::npos)
    return bad(where + ".path", hook.path, "it must be an absolute path");
  RCRT_ASSIGN(hook.args, texts(json, "args", where));
  RCRT_ASSIGN(hook.env, texts(json, "env", where));
  if (hook.args.empty()) hook.args = {hook.path};
  if (auto timeout = json.find("timeout"); timeout != json.end() && !timeout->is_null()) {
    if (!timeout->is_number_integer() || timeout->get<int64_t>() <= 0 || timeout->get<int64_t>() > 1'000'000)
      return bad(where + ".timeout", timeout->dump(), "it must be a whole number of seconds, 1 or more");
    hook.timeout = timeout->get<int>();
  }
  return hook;
}

std::vector<char*> pointers(const std::vector<std::string>& list) {
  std::vector<char*> result;
  for (const auto& text : list) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

struct Start {
  const Hook& hook;
  const HookPlace& place;
  int input, output, report;
};

[[noreturn]] void give_up(const Start& start) {
  int code = errno;
  (void)!write(start.report, &code, sizeof code);
  _exit(127);
}

[[noreturn]] void execute(const Start& start, char* const* argv, char* const* envp) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (dup2(start.input, 0) < 0 || dup2(start.output, 1) < 0 || dup2(start.output, 2) < 0) give_up(start);
  // Only the three streams are the hook's; the report closes when it is executed.
  syscall(SYS_close_range, 3, ~0U, 1 << 2 /* CLOSE_RANGE_CLOEXEC */);
  execve(start.hook.path.c_str(), argv, envp);
  give_up(start);
}

// In a process of its own. A pid namespace is entered by a child only: one more.
[[noreturn]] void run_in_place(const Start& start) {
  auto argv = pointers(start.hook.args), envp = pointers(start.hook.env);
  if (start.place.namespaces == 0) execute(start, argv.data(), envp.data());
  if (setns(start.place.pidfd, static_cast<int>(start.place.namespaces)) != 0) give_up(start);
  if (start.place.root >= 0 && (fchdir(start.place.root) != 0 || chroot(".") != 0)) give_up(start);
  if (start.place.directory >= 0 && fchdir(start.place.directory) != 0) give_up(start);
  if ((start.place.namespaces & CLONE_NEWPID) == 0) execute(start, argv.data(), envp.data());
  pid_t pid = fork();
  if (pid < 0) give_up(start);
  if (pid == 0) execute(start, argv.data(), envp.data());
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

// What the hook wrote last.
std::string last_words(int output) {
  off_t size = lseek(output, 0, SEEK_END);
  if (size <= 0) return {};
  std::string text(static_cast<size_t>(std::min<off_t>(size, 1024)), '\0');
  ssize_t got = pread(output, text.data(), text.size(), size - static_cast<off_t>(text.size()));
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace

Result<UniqueFd> output_file() {
  UniqueFd output(memfd_create("output", MFD_CLOEXEC));
  if (!output) return errno_error("cannot make memory for the hook's output");
  return output;
}

std::string failure_of(const Hook& hook, bool timed_out, int status) {
  if (timed_out) return "took longer than its timeout of " + std::to_string(hook.timeout) + " s";
  if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return "failed with exit status " + std::to_string(WEXITSTATUS(status));
  return {};
}

std::unexpected<Error> hook_error(const Hook& hook, const std::string& how, int output) {
  return std::unexpected(
      Error{"the hook " + hook.where + " " + how, hook.path, 0, {}, last_words(output), 1});
}

Result<UniqueFd> state_file(const Json& state) {
  UniqueFd memory(memfd_create("state", MFD_CLOEXEC));
  std::string text = state.dump();
  if (!memory || write(memory.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      lseek(memory.get(), 0, SEEK_SET) != 0)
    return errno_error("cannot make memory for the state");
  return memory;
}

Result<std::vector<Hook>> read_hooks(const Json& config, const char* kind) {
  std::vector<Hook> list;
  auto hooks = config.find("hooks");
  if (hooks == config.end() || hooks->is_null()) return list;
  if (!hooks->is_object()) return bad("hooks", hooks->dump(), "it must be an object");
  auto of_kind = hooks->find(kind);
  if (of_kind == hooks->end() || of_kind->is_null()) return list;
  std::string where = std::string("hooks.") + kind;
  if (!of_kind->is_array()) return bad(where, of_kind->dump(), "it must be an array");
  for (size_t i = 0; i < of_kind->size(); ++i) {
    RCRT_ASSIGN(Hook hook, read_hook((*of_kind)[i], where + "[" + std::to_string(i) + "]"));
    list.push_back(std::move(hook));
  }
  return list;
}

Result<void> check_hooks(const Json& config) {
  for (const char* kind : kHookKinds)
    if (auto read = read_hooks(config, kind); !read) return std::unexpected(read.error());
  return {};
}

bool has_hooks(const Json& config, const char* kind) {
  auto hooks = config.find("hooks");
  if (hooks == config.end() || !hooks->is_object()) return false;
  auto of_kind = hooks->find(kind);
  return of_kind != hooks->end() && of_kind->is_array() && !of_kind->empty();
}

Result<void> run_hook(const Hook& hook, const Json& state, const HookPlace& place) {
  if (place.runner != nullptr) return place.runner->run(hook, state);
  RCRT_ASSIGN(UniqueFd input, state_file(state));
  RCRT_ASSIGN(UniqueFd output, output_file());
  RCRT_ASSIGN(Pipe report, make_pipe());
  fflush(nullptr);
  pid_t pid = fork();
  if (pid < 0) return errno_error("cannot start the hook " + hook.where, hook.path);
  if (pid == 0) {
    setpgid(0, 0);  // a hook that takes too long is killed with all it has started
    run_in_place({hook, place, input.get(), output.get(), report.write_end.get()});
  }
  setpgid(pid, pid);
  report.write_end.reset();
  UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  bool ended = !process || wait_for_end(process.get(), hook.timeout > 0 ? hook.timeout * 1000 : -1);
  if (!ended) kill(-pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  int code = 0;
  if (read(report.read_end.get(), &code, sizeof code) == sizeof code) {
    errno = code;
    return errno_error("cannot execute the hook " + hook.where, hook.path);
  }
  const std::string how = failure_of(hook, !ended, status);
  if (how.empty()) return {};
  return hook_error(hook, how, output.get());
}

Result<void> run_hooks(const Json& config, const char* kind, const Json& state, const HookPlace& place) {
  RCRT_ASSIGN(auto hooks, read_hooks(config, kind));
  for (const auto& hook : hooks) RCRT_TRY(run_hook(hook, state, place));
  return {};
}

}  // namespace rcrt::oci
