// SPDX-License-Identifier: MIT
// exec: a further process in a container.
#include <unistd.h>

#include <cstdint>

#include "core/environment.h"
#include "core/files.h"
#include "core/oci/strict_json.h"
#include "oci/command.h"
#include "oci/foreground.h"

namespace rcrt::oci {
namespace {

// Neither a sign, a leading zero nor what some take for a negative number: nothing that others might
// read as another user (CVE-2024-40635).
Result<int64_t> id_number(const std::string& text, const char* option) {
  RCRT_ASSIGN(int64_t value, number(text, option));
  if (value < 0 || value > INT32_MAX || std::to_string(value) != text)
    return error(std::string("invalid value for --") + option, text, "give a number, 0 to 2147483647",
                 EINVAL);
  return value;
}

Result<void> set_user(Json& process, const std::string& user) {
  auto colon = user.find(':');
  RCRT_ASSIGN(int64_t uid, id_number(user.substr(0, colon), "user"));
  int64_t gid = 0;
  if (colon != std::string::npos) {
    RCRT_ASSIGN(gid, id_number(user.substr(colon + 1), "user"));
  }
  Json& member = process["user"];
  if (!member.is_object()) member = Json::object();
  member["uid"] = static_cast<uint64_t>(uid);
  // As runc: without a group the container's own stays.
  if (colon != std::string::npos) member["gid"] = static_cast<uint64_t>(gid);
  return {};
}

void add_capabilities(Json& process, const std::vector<std::string>& names) {
  Json& sets = process["capabilities"];
  if (!sets.is_object()) sets = Json::object();
  for (const auto& name : names)
    for (const char* set : {"bounding", "effective", "permitted", "inheritable", "ambient"}) {
      // Ambient ones only where there are some: then they are meant to be inherited.
      bool inherited = set[0] == 'i' || set[0] == 'a';
      if (inherited && (!sets.contains(set) || sets[set].empty())) continue;
      if (!sets[set].is_array()) sets[set] = Json::array();
      if (std::find(sets[set].begin(), sets[set].end(), name) == sets[set].end()) sets[set].push_back(name);
    }
}

Result<Json> process_of(Context& context, const Arguments& arguments) {
  const std::string& id = arguments.words[0];
  if (std::string file = arguments.text("process"); !file.empty()) {
    if (arguments.words.size() > 1)
      return error("a command beside --process", arguments.words[1], "give one of the two", EINVAL);
    RCRT_ASSIGN(std::string text, read_file(file, kMaxJson));
    return parse_strict(text, file);
  }
  RCRT_ASSIGN(Json process, context.runtime().exec_process(id));
  if (arguments.words.size() < 2)
    return error("process args cannot be empty", id, "give a command, or --process", EINVAL);
  process["args"] = std::vector<std::string>(arguments.words.begin() + 1, arguments.words.end());
  if (!arguments.text("cwd").empty()) process["cwd"] = arguments.text("cwd");
  process["terminal"] = arguments.flag("tty");
  if (arguments.has("no-new-privs")) process["noNewPrivileges"] = arguments.flag("no-new-privs");
  if (arguments.has("apparmor")) process["apparmorProfile"] = arguments.text("apparmor");
  if (arguments.has("process-label")) process["selinuxLabel"] = arguments.text("process-label");
  for (const auto& variable : arguments.texts("env")) set_variable(process["env"], variable);
  if (arguments.has("user")) RCRT_TRY(set_user(process, arguments.text("user")));
  for (const auto& word : arguments.texts("additional-gids")) {
    RCRT_ASSIGN(int64_t gid, id_number(word, "additional-gids"));
    process["user"]["additionalGids"].push_back(static_cast<uint64_t>(gid));
  }
  add_capabilities(process, arguments.texts("cap"));
  return process;
}

Result<ExecOptions> exec_options(Context& context, const Arguments& arguments) {
  ExecOptions options;
  options.id = arguments.words[0];
  RCRT_ASSIGN(options.process, process_of(context, arguments));
  RCRT_ASSIGN(options.console_socket, absolute(arguments.text("console-socket")));
  RCRT_ASSIGN(options.pid_file, absolute(arguments.text("pid-file")));
  options.sub_cgroup = arguments.text("cgroup");
  options.ignore_paused = arguments.flag("ignore-paused");
  if (arguments.has("preserve-fds")) {
    RCRT_ASSIGN(int64_t count, number(arguments.text("preserve-fds"), "preserve-fds"));
    if (count < 0 || count > 256)
      return error("invalid value for --preserve-fds", arguments.text("preserve-fds"), "give 0 to 256");
    options.preserve_fds = static_cast<int>(count);
  }
  auto member = options.process.find("terminal");
  const bool terminal = member != options.process.end() && *member == true;
  if (terminal && arguments.flag("detach") && options.console_socket.empty())
    return error("cannot allocate tty if runc will detach without setting console socket", {},
                 "give --console-socket");
  if (!terminal && !options.console_socket.empty())
    return error("cannot use console socket if runc will not detach or allocate tty", {},
                 "give --tty, or leave --console-socket away");
  return options;
}

Result<Running> start_exec(Context& context, const Arguments& arguments) {
  RCRT_ASSIGN(ExecOptions options, exec_options(context, arguments));
  if (!arguments.flag("detach")) hold_signals();
  return context.runtime().exec(options);
}

Result<int> exec_command(Context& context, const Arguments& arguments) {
  auto running = start_exec(context, arguments);
  if (!running) {
    Error failed = running.error();
    failed.what = "exec failed: " + failed.what;
    failed.exit_code = 255;
    return std::unexpected(std::move(failed));
  }
  if (arguments.flag("detach")) return 0;
  return wait_in_foreground(*running);
}

}  // namespace

std::vector<Command> exec_commands() {
  return {{"exec",
           "[OPTIONS] ID COMMAND [ARGUMENTS] | --process FILE ID",
           "execute a further process in a container",
           1,
           SIZE_MAX,
           true,
           {{"console-socket", 0, "SOCKET", "send the terminal's master to this AF_UNIX socket"},
            {"cwd", 0, "DIR", "working directory in the container"},
            {"env", 'e', "NAME=VALUE", "set an environment variable"},
            {"tty", 't', nullptr, "give it a terminal"},
            {"user", 'u', "UID[:GID]", "the user, by number"},
            {"additional-gids", 'g', "GID", "one more group"},
            {"process", 'p', "FILE", "the whole process as JSON, as config.json's process"},
            {"detach", 'd', nullptr, "do not wait for its end"},
            {"pid-file", 0, "FILE", "write the process's id to this file"},
            {"process-label", 0, "LABEL", "SELinux label"},
            {"apparmor", 0, "PROFILE", "AppArmor profile"},
            {"no-new-privs", 0, nullptr, "no privileges can be gained"},
            {"cap", 'c', "CAP", "one more capability"},
            {"preserve-fds", 0, "N", "pass N more descriptors (3, 4, ...)"},
            {"cgroup", 0, "PATH", "a cgroup below the container's"},
            {"ignore-paused", 0, nullptr, "exec in a paused container too"}},
           exec_command}};
}

}  // namespace rcrt::oci
