// SPDX-License-Identifier: MIT
// stop, kill, rm, wait, logs.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/own_process.h"
#include "core/files.h"
#include "core/process.h"

namespace rcrt::cli {

namespace {

constexpr int kRemovalPatience = 30'000;  // milliseconds

}  // namespace

Result<int> stop_command(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of stop");
  own.add_options()("time,t", po::value<int>()->value_name("SECONDS"), "wait so long before SIGKILL (10)");
  RCRT_ASSIGN(auto line, context.parse("rcrt stop [-t SECONDS] CONTAINER ...", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 10000, "rcrt stop [-t SECONDS] CONTAINER ..."));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  int timeout = line->has("time") ? line->options["time"].as<int>() : -1;
  return for_each_word(line->words, [&](const std::string& name) -> Result<void> {
    RCRT_ASSIGN(Container container, context.container(name));
    RCRT_TRY(engine->stop(container.id, timeout));
    printf("%s\n", name.c_str());
    return {};
  });
}

Result<int> kill_command(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of kill");
  own.add_options()("signal,s", word("SIGNAL"), "signal to send (KILL)");
  RCRT_ASSIGN(auto line, context.parse("rcrt kill [-s SIGNAL] CONTAINER ...", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 10000, "rcrt kill [-s SIGNAL] CONTAINER ..."));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(int signal, parse_signal(line->has("signal") ? line->text("signal") : "KILL"));
  return for_each_word(line->words, [&](const std::string& name) -> Result<void> {
    RCRT_ASSIGN(Container container, context.container(name));
    RCRT_TRY(engine->kill(container.id, signal));
    printf("%s\n", name.c_str());
    return {};
  });
}

Result<int> rm_command(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of rm");
  own.add_options()("force,f", toggle(), "kill it first if it runs; one that does not exist is no error")  //
      ("all,a", toggle(), "all containers")                                                                //
      ("volumes,v", toggle(), "their anonymous volumes too");
  RCRT_ASSIGN(auto line, context.parse("rcrt rm [-f] [-v] [--all] CONTAINER ...", own, args));
  if (!line) return 0;
  if (line->flag("all")) RCRT_TRY(need_words(*line, 0, 0, "rcrt rm [-f] [-v] --all"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  std::vector<std::string> names = line->words;
  if (line->flag("all")) names = engine->containers().ids();
  if (names.empty() && !line->flag("all"))
    return error("no container named", "", "usage: rcrt rm [-f] [-v] [--all] CONTAINER ...", EINVAL);
  bool force = line->flag("force");
  // Many end together: each is cleaned up while others still end.
  for (size_t i = 0; force && names.size() > 1 && i < names.size(); ++i)
    if (auto id = engine->containers().find(names[i])) (void)engine->kill(*id, SIGKILL);
  return for_each_word(names, [&](const std::string& name) -> Result<void> {
    // Not recovered first: that writes down how it ended, for which a full disk has no room.
    const auto id = engine->containers().find(name);
    if (!id && id.error().code == ENOENT && (force || line->flag("all"))) return {};
    if (!id) return std::unexpected(id.error());
    auto removed = in_own_process(*engine, kRemovalPatience,
                                  [&] { return engine->remove(*id, force, line->flag("volumes")); });
    // Its monitor may be quicker than we are.
    bool gone = !removed && removed.error().code == ENOENT &&
                access(engine->paths().container(*id).c_str(), F_OK) != 0;
    if (gone && (force || line->flag("all"))) return {};
    RCRT_ASSIGN(const pid_t late, std::move(removed));
    if (late > 0) {
      kill(late, SIGKILL);
      return error("gave up the removal after " + std::to_string(kRemovalPatience / 1000) + " seconds", name,
                   "a plugin may hang: mend it, or take its file away and use rm -f");
    }
    printf("%s\n", name.c_str());
    return {};
  });
}

Result<int> wait_command(Context& context, const std::vector<std::string>& args) {
  RCRT_ASSIGN(auto line,
              context.parse("rcrt wait CONTAINER ...", po::options_description("Options of wait"), args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 10000, "rcrt wait CONTAINER ..."));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  return for_each_word(line->words, [&](const std::string& name) -> Result<void> {
    RCRT_ASSIGN(Container container, context.container(name));
    RCRT_ASSIGN(ExitRecord record, engine->wait(container.id));
    printf("%d\n", record.exit_code);
    fflush(stdout);
    return {};
  });
}

namespace {

// Prints from the file's present offset to its end.
Result<void> print_rest(int fd, const std::string& path) {
  char buffer[65536];
  for (;;) {
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0) return errno_error("cannot read", path);
    if (n == 0) return {};
    fwrite(buffer, 1, static_cast<size_t>(n), stdout);
    fflush(stdout);
  }
}

// Moves to where the last `lines` lines begin.
void seek_to_tail(int fd, long lines) {
  off_t at = lseek(fd, 0, SEEK_END);
  if (lines == 0) return;
  char buffer[65536];
  long seen = 0;
  bool last = true;
  while (at > 0) {
    off_t start = at > static_cast<off_t>(sizeof buffer) ? at - static_cast<off_t>(sizeof buffer) : 0;
    ssize_t n = pread(fd, buffer, static_cast<size_t>(at - start), start);
    for (ssize_t i = n; i-- > 0;) {
      if (buffer[i] == '\n' && !last && ++seen == lines) {
        lseek(fd, start + i + 1, SEEK_SET);
        return;
      }
      last = false;
    }
    at = start;
  }
  lseek(fd, 0, SEEK_SET);
}

Result<void> follow(int fd, const std::string& path, const Container& container) {
  UniqueFd watch(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watch || inotify_add_watch(watch.get(), path.c_str(), IN_MODIFY) < 0)
    return errno_error("cannot follow", path);
  UniqueFd process = container.open_process();
  // The monitor writes what was in its pipes after the process has ended.
  UniqueFd monitor = container.open_monitor();
  for (;;) {
    RCRT_TRY(print_rest(fd, path));
    if (!process) return {};
    pollfd fds[2] = {{watch.get(), POLLIN, 0}, {process.get(), POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return errno_error("cannot follow", path);
    char events[4096];
    while (read(watch.get(), events, sizeof events) > 0) {
    }
    if (fds[1].revents != 0) {
      if (monitor) wait_for_end(monitor.get(), 1000);
      return print_rest(fd, path);
    }
  }
}

}  // namespace

Result<int> logs_command(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of logs");
  own.add_options()("follow,f", toggle(), "go on until the container ends")  //
      ("tail,n", word("LINES"), "only the last lines, or all");
  RCRT_ASSIGN(auto line, context.parse("rcrt logs [-f] [--tail LINES] CONTAINER", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 1, "rcrt logs [-f] [--tail LINES] CONTAINER"));
  RCRT_ASSIGN(Container container, context.container(line->words[0]));
  std::string path = container.config.value("logPath", "");
  if (path.empty())
    return error("container keeps no log", container.name(),
                 "a foreground run with --rm writes straight to its client", ENODATA);
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return 0;
  if (!fd) return errno_error("cannot open", path);
  if (std::string tail = line->text("tail"); !tail.empty() && tail != "all") {
    if (tail.find_first_not_of("0123456789") != std::string::npos || tail.size() > 12)
      return error("invalid --tail", tail, "a number of lines, or all", EINVAL);
    seek_to_tail(fd.get(), std::stol(tail));
  }
  RCRT_TRY(line->flag("follow") ? follow(fd.get(), path, container) : print_rest(fd.get(), path));
  return 0;
}

}  // namespace rcrt::cli
