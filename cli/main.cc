// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/fault.h"
#include "base/loader_variables.h"
#include "base/standard_streams.h"
#include "cli/command.h"
#include "cli/own_process.h"
#include "cli/trace.h"

namespace rcrt::cli {

namespace {

// Shared network objects stay this long after a container, so that runs in a row do not
// pay for taking them down and making them again (docs/adr/0004).
constexpr int kIdleMilliseconds = 1000, kIdleInTests = 100;

constexpr int kRecoveryPatience = 2'000;  // milliseconds

const std::vector<Command> kCommands = {
    {"run", "create and start a container", run_command},
    {"create", "create a container that is started later", create_command},
    {"start", "start containers that were created or have ended", start_command},
    {"ps", "list containers", ps_command},
    {"inspect", "show all of a container or image as JSON", inspect_command},
    {"stop", "stop containers", stop_command},
    {"kill", "send a signal to containers", kill_command},
    {"rm", "remove containers", rm_command},
    {"wait", "wait until containers end, print their exit codes", wait_command},
    {"port", "list where a container's ports are published", port_command},
    {"logs", "print what a container has written", logs_command},
    {"diff", "list what a container has changed in its image", diff_command},
    {"export", "write a container's file system as a tar archive", export_command},
    {"commit", "make an image of a container", commit_command},
    {"pull", "fetch an image from a registry", pull_command},
    {"push", "bring an image to a registry", push_command},
    {"login", "log in to a registry", login_command},
    {"logout", "forget a registry's credentials", logout_command},
    {"import", "make an image from a tar archive or directory", import_command},
    {"load", "load images from an archive or folder", load_command},
    {"save", "save images to an archive or folder", save_command},
    {"images", "list images", images_command},
    {"image", "manage images", image_command},
    {"history", "show how an image was made", history_command},
    {"tag", "give an image another name", tag_command},
    {"untag", "take names from an image", untag_command},
    {"rmi", "remove images", rmi_command},
    {"unpack", "write an image's file system into a directory", unpack_command},
    {"network", "manage networks", network_command},
    {"plugin", "list and inspect plugins", plugin_command},
    {"doctor", "say what this machine offers and lacks", doctor_command},
    {"volume", "manage volumes", volume_command},
    {"system", "disk usage; recover from kills and crashes", system_command},
    {"version", "print the version", version_command},
};

void print_usage(FILE* to) {
  fputs("usage: rcrt [GLOBAL OPTIONS] VERB [OPTIONS] [ARGUMENTS]\n\nVerbs (rcrt VERB --help says more):\n",
        to);
  for (const auto& command : kCommands) fprintf(to, "  %-10s %s\n", command.name, command.summary);
  fprintf(to, "\n%s", options_help(global_options(), "Global options, before or after the verb").c_str());
}

Result<int> main_command(const std::vector<std::string>& args) {
  // Never destroyed: unloading plugins at the end is work for nothing.
  static Context& context = *new Context;
  CommandLine line;
  if (args.empty() || args[0].starts_with('-')) {
    po::options_description description;
    description.add(global_options()).add_options()("version,v", toggle(), "print the version");
    RCRT_ASSIGN(line, parse_command_line(description, args, Stop::at_first_word));
    context.globals.apply(line);
  } else {
    line.words = args;
  }
  if (line.flag("version")) return version_command(context, {});
  if (line.words.empty() || line.flag("help")) {
    print_usage(line.flag("help") ? stdout : stderr);
    return line.flag("help") ? 0 : 125;
  }
  if (line.words[0] == "help") {
    if (line.words.size() == 1) {
      print_usage(stdout);
      return 0;
    }
    line.words.erase(line.words.begin());
    line.words.emplace_back("--help");
  }
  auto code = dispatch(context, "rcrt", kCommands, line.words);
  context.idle_networks_later();
  return code;
}

// A damaged record on disk is an error like any other.
Result<int> guarded_main(const std::vector<std::string>& args) {
  try {
    return main_command(args);
  } catch (const nlohmann::json::exception& failure) {
    return error("a record of rcrt's own is damaged", failure.what(),
                 "remove the container or image it belongs to", EIO);
  } catch (const std::exception& failure) {
    return error("unexpected failure", failure.what());
  }
}

}  // namespace

void print_error(const Error& error) { fprintf(stderr, "rcrt: %s\n", error.message().c_str()); }
void print_warning(const std::string& line) { fprintf(stderr, "rcrt: warning: %s\n", line.c_str()); }

Result<int> dispatch(Context& context, const std::string& parent, const std::vector<Command>& commands,
                     const std::vector<std::string>& args) {
  std::string names;
  for (const auto& command : commands) names += std::string(names.empty() ? "" : ", ") + command.name;
  if (args.empty() || args[0] == "--help") {
    FILE* to = args.empty() ? stderr : stdout;
    fprintf(to, "usage: %s VERB ...\n\n", parent.c_str());
    for (const auto& command : commands) fprintf(to, "  %-12s %s\n", command.name, command.summary);
    return args.empty() ? 125 : 0;
  }
  for (const auto& command : commands)
    if (args[0] == command.name) return command.verb(context, {args.begin() + 1, args.end()});
  return error("unknown verb", args[0], "known: " + names, EINVAL);
}

Result<void> need_words(const CommandLine& line, size_t least, size_t most, const std::string& usage) {
  if (line.words.size() >= least && line.words.size() <= most) return {};
  return error(line.words.size() < least ? "an argument is missing" : "too many arguments", "",
               "usage: " + usage, EINVAL);
}

void Globals::apply(const CommandLine& line) {
  if (line.has("root")) root = line.text("root");
  if (line.has("state")) state = line.text("state");
  if (line.has("storage")) storage = line.text("storage");
  if (line.has("isolation")) isolation = line.text("isolation");
  for (const char* name : {"net", "network"})
    for (const auto& network : line.list(name)) networks.push_back(network);
  for (const auto& folder : line.list("plugin-dir")) plugin_dirs.push_back(folder);
  debug = debug || line.flag("debug");
}

Result<std::optional<CommandLine>> Context::parse(const std::string& usage,
                                                  const po::options_description& own,
                                                  const std::vector<std::string>& args, Stop stop) {
  po::options_description all;
  all.add(own);
  // Boost's own search takes longer than all the rest.
  auto has = [&](const std::string& name) {
    return std::ranges::any_of(own.options(),
                               [&](const auto& option) { return option->long_name() == name; });
  };
  for (const auto& option : global_options().options())
    if (!has(option->long_name())) all.add(option);
  RCRT_ASSIGN(CommandLine line, parse_command_line(all, args, stop));
  if (line.flag("help")) {
    printf("usage: %s\n\n%s%s", usage.c_str(), options_help(own, "Options").c_str(),
           options_help(global_options(), "Global options, before or after the verb").c_str());
    return std::optional<CommandLine>();
  }
  globals.apply(line);
  return line;
}

Result<Engine*> Context::engine() {
  if (engine_) return engine_.get();
  RCRT_ASSIGN(Paths paths, find_paths());
  const char* root = getenv("RCRT_ROOT");
  const char* state = getenv("RCRT_STATE");
  if (root != nullptr && *root != '\0') paths.root = root;
  if (state != nullptr && *state != '\0') paths.state = state;
  if (!globals.root.empty()) paths.root = globals.root;
  if (!globals.state.empty()) paths.state = globals.state;
  for (const std::string& folder : {paths.root, paths.state})
    if (folder[0] != '/')
      return error("not an absolute path", folder, "--root and --state are absolute", EINVAL);
  std::vector<std::string> folders;
  for (const auto& dir : globals.plugin_dirs) {
    // Absolute: those who clean up are in another working directory.
    char* real = realpath(dir.c_str(), nullptr);
    if (real == nullptr && !dir.starts_with('/')) return errno_error("cannot use plugin folder", dir);
    folders.emplace_back(real == nullptr ? dir : real);
    free(real);
  }
  paths.plugin_folders.insert(paths.plugin_folders.begin(), folders.begin(), folders.end());
  if (globals.debug) trace_steps();
  if (geteuid() != 0) return error("rcrt needs root", "", "run it with sudo", EPERM);
  umask(022);
  bool debug = globals.debug;
  engine_ = std::make_unique<Engine>(
      std::move(paths), [debug](rcrt_log_level level, std::string_view plugin, std::string_view line) {
        const std::string from = plugin == "rcrt" ? "" : std::string(plugin) + ": ";
        if (level == RCRT_LOG_WARNING || debug)
          fprintf(stderr, "rcrt: %s%s%.*s\n", level == RCRT_LOG_WARNING ? "warning: " : "", from.c_str(),
                  static_cast<int>(line.size()), line.data());
      });
  if (const char* limits = getenv("RCRT_IMAGE_LIMITS")) RCRT_TRY(engine_->set_image_limits(limits));
  return engine_.get();
}

Result<Container> Context::container(const std::string& reference) {
  RCRT_ASSIGN(Engine* const engine, this->engine());
  auto found = engine->containers().find(reference);
  if (!found && found.error().code == ENOENT) found.error().exit_code = 1;  // as the verbs of many containers
  RCRT_ASSIGN(const std::string id, std::move(found));
  RCRT_TRY(recover(id));
  return engine->containers().load(id);
}

Result<void> Context::recover(const std::string& id) {
  RCRT_ASSIGN(Engine* const engine, this->engine());
  RCRT_ASSIGN(const bool needed, engine->needs_recovery(id));
  if (!needed) return {};
  RCRT_ASSIGN(const pid_t late,
              in_own_process(*engine, kRecoveryPatience, [&] { return engine->recover_one(id); }));
  if (late > 0)
    print_warning("a plugin may hang: process " + std::to_string(late) + " goes on rolling back container " +
                  id.substr(0, 12));
  return {};
}

void Context::idle_networks_later() {
  if (!engine_ || engine_->left_networks().empty()) return;
  fflush(nullptr);
  if (fork() != 0) return;
  idle_networks_after_pause();
  _exit(0);
}

void Context::idle_networks_after_pause() {
  if (!engine_ || engine_->left_networks().empty()) return;
  // Whoever reads our output or waits for us waits for us, not for the pause.
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd : {0, 1, 2}) dup2(null.get(), fd);
  setsid();
  const int idle = waiting_time(kIdleMilliseconds, kIdleInTests);
  poll(nullptr, 0, idle);
  // Who has left after us pauses, too, and will find it quiet.
  (void)engine_->idle_networks({engine_->left_networks().begin(), engine_->left_networks().end()},
                               idle * 4 / 5);
}

}  // namespace rcrt::cli

int main(int argc, char** argv) {
  rcrt::open_standard_streams();
  auto ready = rcrt::drop_loader_variables(argv);
  auto code = ready ? rcrt::cli::guarded_main({argv + 1, argv + argc}) : std::unexpected(ready.error());
  if (!code) rcrt::cli::print_error(code.error());
  int exit_code = code ? *code : code.error().exit_code;
  if (fflush(stdout) != 0) {
    perror("rcrt: cannot write to standard output");
    exit_code = 125;
  }
  fflush(stderr);
  // Nothing is left to destroy that the kernel does not do faster.
  _exit(exit_code);
}
