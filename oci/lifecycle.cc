// SPDX-License-Identifier: MIT
// create, run, start, state, kill, delete.
#include <regex.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "core/run_options.h"
#include "oci/command.h"
#include "oci/foreground.h"

namespace rcrt::oci {
namespace {

constexpr int64_t kMaxPreserved = 256;

const std::vector<Option> kCreateOptions = {
    {"bundle", 'b', "DIR", "the bundle's folder (the working directory)"},
    {"config", 0, "FILE", "read the configuration from here instead of the bundle's config.json"},
    {"console-socket", 0, "SOCKET", "send the terminal's master to this AF_UNIX socket"},
    {"pid-file", 0, "FILE", "write the process's id to this file"},
    {"no-pivot", 0, nullptr, "chroot instead of pivot_root (for a root in a ramdisk; not secure)"},
    {"no-new-keyring", 0, nullptr, "keep the caller's session keyring"},
    {"preserve-fds", 0, "N", "pass N more descriptors (3, 4, ...) to the container"},
};

std::vector<Option> run_options() {
  auto options = kCreateOptions;
  options.push_back({"detach", 'd', nullptr, "do not wait for the container's end"});
  options.push_back({"keep", 0, nullptr, "do not delete the container when it has ended"});
  options.push_back({"no-subreaper", 0, nullptr, "accepted and not needed: run adopts no processes"});
  return options;
}

std::string notify_socket() {
  const char* path = getenv("NOTIFY_SOCKET");
  return path == nullptr ? "" : path;
}

// Sockets of systemd's that are meant for us are the container's: they come before the others.
Result<void> add_listen_fds(CreateOptions& options) {
  const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
  if (pid == nullptr || count == nullptr || pid != std::to_string(getpid())) return {};
  auto sockets = number(count, "preserve-fds");
  if (!sockets || *sockets < 0 || *sockets + options.preserve_fds > kMaxPreserved)
    return error("invalid LISTEN_FDS", count, "0 to 256 descriptors can be passed, with --preserve-fds");
  options.listen_fds = static_cast<int>(*sockets);
  options.preserve_fds += options.listen_fds;
  if (names != nullptr) options.listen_names = names;
  return {};
}

Result<CreateOptions> create_options(const Arguments& arguments) {
  CreateOptions options;
  options.id = arguments.words[0];
  options.bundle = arguments.text("bundle");
  RCRT_ASSIGN(options.config_file, absolute(arguments.text("config")));
  RCRT_ASSIGN(options.console_socket, absolute(arguments.text("console-socket")));
  RCRT_ASSIGN(options.pid_file, absolute(arguments.text("pid-file")));
  options.no_pivot = arguments.flag("no-pivot");
  options.no_new_keyring = arguments.flag("no-new-keyring");
  if (arguments.has("preserve-fds")) {
    RCRT_ASSIGN(int64_t count, number(arguments.text("preserve-fds"), "preserve-fds"));
    if (count < 0 || count > kMaxPreserved)
      return error("invalid value for --preserve-fds", arguments.text("preserve-fds"), "give 0 to 256");
    options.preserve_fds = static_cast<int>(count);
  }
  RCRT_TRY(add_listen_fds(options));
  options.notify_socket = notify_socket();
  return options;
}

Result<int> create_command(Context& context, const Arguments& arguments) {
  RCRT_ASSIGN(CreateOptions options, create_options(arguments));
  RCRT_ASSIGN(Running running, context.runtime().create(options));
  return 0;
}

Result<int> run_command(Context& context, const Arguments& arguments) {
  RCRT_ASSIGN(CreateOptions options, create_options(arguments));
  options.wait_for_start = false;
  options.detached = arguments.flag("detach");
  if (!options.detached) hold_signals();
  RCRT_ASSIGN(Running running, context.runtime().create(options));
  if (options.detached) {
    RCRT_TRY(running.readiness.wait(running.pid, running.pidfd.get()));
    return 0;
  }
  return wait_and_delete(context.runtime(), options.id, running, arguments.flag("keep"));
}

Result<int> start_command(Context& context, const Arguments& arguments) {
  RCRT_ASSIGN(Running running, context.runtime().start(arguments.words[0], notify_socket()));
  RCRT_TRY(running.readiness.wait(running.pid, running.pidfd.get()));
  return 0;
}

Result<int> state_command(Context& context, const Arguments& arguments) {
  RCRT_ASSIGN(Json state, context.runtime().state(arguments.words[0]));
  printf("%s\n", state.dump(2).c_str());
  return 0;
}

Result<int> kill_command(Context& context, const Arguments& arguments) {
  const std::string name = arguments.words.size() > 1 ? arguments.words[1] : "SIGTERM";
  int signal = 0;  // sends none, and says whether one could be sent
  if (name != "0") {
    RCRT_ASSIGN(signal, parse_signal(name));
  }
  RCRT_TRY(context.runtime().kill(arguments.words[0], signal, arguments.flag("all")));
  return 0;
}

Result<std::vector<std::string>> matching(const std::string& root, const std::string& pattern) {
  regex_t expression;
  if (regcomp(&expression, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0)
    return error("not a regular expression", pattern, "POSIX extended regular expressions are taken", EINVAL);
  std::vector<std::string> ids;
  for (const auto& id : all_ids(root))
    if (regexec(&expression, id.c_str(), 0, nullptr, 0) == 0) ids.push_back(id);
  regfree(&expression);
  return ids;
}

Result<int> delete_command(Context& context, const Arguments& arguments) {
  std::vector<std::string> ids = {arguments.words[0]};
  if (arguments.flag("regex")) {
    RCRT_ASSIGN(ids, matching(context.settings.root, arguments.words[0]));
  }
  Result<int> result = 0;
  for (const auto& id : ids)
    if (auto removed = context.runtime().remove(id, arguments.flag("force")); !removed)
      result = std::unexpected(removed.error());
  return result;
}

}  // namespace

std::vector<Command> lifecycle_commands() {
  return {
      {"create", "[OPTIONS] ID", "create a container", 1, 1, false, kCreateOptions, create_command},
      {"run", "[OPTIONS] ID", "create and run a container", 1, 1, false, run_options(), run_command},
      {"start", "ID", "execute the command of a created container", 1, 1, false, {}, start_command},
      {"state", "ID", "print the state of a container as JSON", 1, 1, false, {}, state_command},
      {"kill",
       "[OPTIONS] ID [SIGNAL]",
       "send a signal (SIGTERM) to the container's process",
       1,
       2,
       false,
       {{"all", 'a', nullptr, "send it to all processes of the container"}},
       kill_command},
      {"delete",
       "[OPTIONS] ID",
       "delete a container and what belongs to it",
       1,
       1,
       false,
       {{"force", 'f', nullptr, "kill it first if it runs; no error if there is none"},
        {"regex", 0, nullptr, "delete all whose ID the POSIX extended regular expression ID matches"}},
       delete_command},
  };
}

}  // namespace rcrt::oci
