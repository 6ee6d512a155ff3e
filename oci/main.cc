// SPDX-License-Identifier: MIT
// rcrt-oci: an OCI runtime with runc's command line.
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/fault.h"
#include "base/loader_variables.h"
#include "base/standard_streams.h"
#include "base/version.h"
#include "core/paths.h"
#include "core/user_namespace.h"
#include "oci/command.h"

namespace rcrt::oci {
namespace {

const std::vector<Option> kGlobalOptions = {
    {"root", 0, "DIR", "the state of containers (/run/rcrt-oci, or $XDG_RUNTIME_DIR/rcrt-oci)"},
    {"log", 0, "FILE", "write warnings here instead of to standard error, and errors too"},
    {"log-format", 0, "FORMAT", "text or json, which without --log goes to standard error"},
    {"debug", 0, nullptr, "log each step, and what plugins say"},
    {"systemd-cgroup", 0, nullptr, "let systemd make the cgroups: --cgroup-manager systemd"},
    {"cgroup-manager", 0, "MANAGER", "cgroupfs, systemd or disabled"},
    {"rootless", 0, "VALUE", "true, auto: run also where no cgroup can be made; false: that is an error"},
    {"criu", 0, "PATH", "the program criu (the one in PATH), for checkpoint and restore"},
    {"help", 'h', nullptr, "print this help"},
    {"version", 'v', nullptr, "print the version"},
};

// Where errors, warnings and, with --debug, steps go. As runc: to standard error when no file is named,
// where lines of JSON stand for what people read.
struct Log {
  int fd = -1;
  bool json = false, debug = false;

  bool read_by_people() const { return !json || fd >= 0; }
  // What is no error: standard error is the container's, too, and is left alone where there is a file.
  void remark(const char* level, const std::string& message) const {
    if (fd < 0 && !json) fprintf(stderr, "rcrt-oci: %s: %s\n", level, message.c_str());
    write(level, message);
  }
  void write(const char* level, const std::string& message) const {
    if (fd < 0 && !json) return;
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    tm parts{};
    gmtime_r(&now.tv_sec, &parts);
    char time[32];
    strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &parts);
    std::string line;
    if (json) {
      line = Json({{"level", level}, {"msg", message}, {"time", time}})
                 .dump(-1, ' ', false, Json::error_handler_t::replace);
    } else {
      line = std::string("time=\"") + time + "\" level=" + level +
             " msg=" + Json(message).dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    line += "\n";
    (void)!::write(fd < 0 ? 2 : fd, line.data(), line.size());
  }
};
Log log_file;

void print_usage(const std::vector<Command>& commands) {
  printf("usage: rcrt-oci [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\nCommands:\n");
  for (const auto& command : commands) printf("   %-12s %s\n", command.name, command.summary);
  printf("\nGlobal options:\n%s", help_of(kGlobalOptions).c_str());
}

void print_version() {
  printf("rcrt-oci version %s\ncommit: v%s\nspec: %s\n+SECCOMP +EBPF +CAP +APPARMOR +SELINUX +SYSTEMD\n",
         RCRT_VERSION, RCRT_VERSION, kSpecVersion);
}

std::string caller_name() {
  if (getuid() == 0) return "root";
  const passwd* entry = getpwuid(getuid());
  return entry != nullptr ? entry->pw_name : "#" + std::to_string(getuid());
}

// As runc: root of a user namespace is most often a user who runs podman.
Result<std::string> default_root(bool rootless) {
  const char *user = getenv("USER"), *runtime = getenv("XDG_RUNTIME_DIR");
  const bool acts_as_root = geteuid() == 0 && user != nullptr && std::string_view(user) == "root";
  const bool has_runtime = runtime != nullptr && runtime[0] == '/';
  if (!rootless || acts_as_root || (geteuid() == 0 && !has_runtime)) return std::string("/run/rcrt-oci");
  if (!has_runtime)
    return error("no place for the state of containers", {}, "set XDG_RUNTIME_DIR, or give --root");
  std::string root = std::string(runtime) + "/rcrt-oci";
  // Sticky: a folder that nobody may clean up, whatever its age.
  RCRT_TRY(make_folders(root));
  if (chmod(root.c_str(), 01700) != 0) return errno_error("cannot keep", root);
  return root;
}

Result<void> open_log(const Arguments& globals) {
  std::string format = globals.has("log-format") ? globals.text("log-format") : "text";
  if (format != "text" && format != "json")
    return error("invalid log-format", format, "use text or json", EINVAL);
  log_file.json = format == "json";
  log_file.debug = globals.flag("debug");
  if (log_file.debug) watch_points([](const char* step) { log_file.remark("debug", step); });
  std::string path = globals.text("log");
  if (path.empty()) return {};
  log_file.fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_file.fd < 0) return errno_error("cannot open the log", path);
  // Above what --preserve-fds may name.
  int above = fcntl(log_file.fd, F_DUPFD_CLOEXEC, 512);
  if (above >= 0) {
    close(log_file.fd);
    log_file.fd = above;
  }
  return {};
}

Result<void> apply(const Arguments& globals, Context& context) {
  CgroupSettings& cgroups = context.settings.cgroups;
  context.settings.owner = caller_name();
  cgroups.rootless = geteuid() != 0 || in_user_namespace();
  if (globals.has("root")) {
    RCRT_ASSIGN(context.settings.root, absolute(globals.text("root")));
  } else {
    RCRT_ASSIGN(context.settings.root, default_root(cgroups.rootless));
  }
  std::string manager = globals.has("cgroup-manager")    ? globals.text("cgroup-manager")
                        : globals.flag("systemd-cgroup") ? "systemd"
                                                         : "cgroupfs";
  if (manager == "cgroupfs") {
    cgroups.manager = CgroupManager::cgroupfs;
  } else if (manager == "systemd") {
    cgroups.manager = CgroupManager::systemd;
  } else if (manager == "disabled") {
    cgroups.manager = CgroupManager::disabled;
  } else {
    return error("invalid cgroup manager", manager, "use cgroupfs, systemd or disabled", EINVAL);
  }
  context.criu = globals.text("criu");
  if (globals.has("rootless")) {
    std::string value = globals.text("rootless");
    if (value != "true" && value != "false" && value != "auto")
      return error("invalid value for --rootless", value, "use true, false or auto", EINVAL);
    cgroups.required = value == "false";
  }
  context.settings.log = [](rcrt_log_level level, std::string_view plugin, std::string_view line) {
    std::string text = (plugin == "rcrt-oci" ? "" : std::string(plugin) + ": ") + std::string(line);
    if (level == RCRT_LOG_WARNING)
      log_file.remark("warning", text);
    else if (log_file.debug)
      log_file.remark("debug", text);
  };
  return {};
}

// What few commands need costs the others no memory: it is in a program of its own.
Result<int> execute_checkpoint(std::vector<std::string> args) {
  RCRT_ASSIGN(Paths paths, find_paths());
  const std::string program = paths.prefix + "/libexec/rcrt/rcrt-checkpoint";
  args.insert(args.begin(), "rcrt-checkpoint");
  std::vector<char*> argv;
  for (auto& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  return errno_error("cannot execute", program, "reinstall rcrt");
}

Result<int> run(const std::vector<std::string>& args) {
  RCRT_ASSIGN(Arguments globals, parse(kGlobalOptions, args, true));
  const auto commands = all_commands();
  if (globals.flag("version")) {
    print_version();
    return 0;
  }
  if (globals.words.empty() || globals.flag("help") || globals.words[0] == "help") {
    if (globals.words.size() > 1 && globals.words[0] == "help") return run({globals.words[1], "--help"});
    print_usage(commands);
    return 0;
  }
  RCRT_TRY(open_log(globals));
  Context& context = *new Context;  // never destroyed: unloading plugins at the end is work for nothing
  RCRT_TRY(apply(globals, context));
  for (const auto& command : commands) {
    if (globals.words[0] != command.name) continue;
    auto options = command.options;
    options.push_back({"help", 'h', nullptr, "print this help"});
    RCRT_ASSIGN(Arguments arguments,
                parse(options, {globals.words.begin() + 1, globals.words.end()}, command.in_order));
    if (arguments.flag("help")) {
      printf("usage: rcrt-oci %s %s\n\n%s\n\nOptions:\n%s", command.name, command.usage, command.summary,
             help_of(options).c_str());
      return 0;
    }
    if (arguments.words.size() < command.least || arguments.words.size() > command.most)
      return error(arguments.words.size() < command.least ? "an argument is missing" : "too many arguments",
                   {}, std::string("usage: rcrt-oci ") + command.name + " " + command.usage, EINVAL);
    return command.run == nullptr ? execute_checkpoint(args) : command.run(context, arguments);
  }
  auto unknown = error("no such command", globals.words[0], "rcrt-oci --help lists them", EINVAL);
  unknown.error().exit_code = 3;
  return unknown;
}

Result<int> guarded_run(const std::vector<std::string>& args) {
  try {
    return run(args);
  } catch (const std::exception& failure) {
    return error("unexpected failure", failure.what());
  }
}

// Engines look for the words of an errno as Go writes them: "permission denied".
std::string message_of(const Error& error) {
  std::string message = error.message();
  if (error.code == 0) return message;
  std::string text = std::string(": ") + strerror(error.code);
  if (size_t at = message.find(text); at != message.npos)
    message[at + 2] = static_cast<char>(tolower(static_cast<unsigned char>(message[at + 2])));
  return message;
}

}  // namespace

Result<std::string> absolute(const std::string& path) {
  if (path.empty() || path[0] == '/') return path;
  char buffer[PATH_MAX];
  if (getcwd(buffer, sizeof buffer) == nullptr) return errno_error("cannot find the working directory");
  return std::string(buffer) + "/" + path;
}

}  // namespace rcrt::oci

int main(int argc, char** argv) {
  rcrt::open_standard_streams();
  umask(022);
  auto ready = rcrt::drop_loader_variables(argv);
  auto code = ready ? rcrt::oci::guarded_run({argv + 1, argv + argc}) : std::unexpected(ready.error());
  int exit_code = code ? *code : code.error().exit_code;
  if (!code && exit_code != 255 && exit_code != 3) exit_code = 1;
  if (!code) {
    std::string message = rcrt::oci::message_of(code.error());
    rcrt::oci::log_file.write("error", message);
    if (rcrt::oci::log_file.read_by_people()) fprintf(stderr, "rcrt-oci: %s\n", message.c_str());
  }
  if (fflush(stdout) != 0) {
    perror("rcrt-oci: cannot write to standard output");
    exit_code = 1;
  }
  // Nothing is left to destroy that the kernel does not do faster.
  _exit(exit_code);
}
