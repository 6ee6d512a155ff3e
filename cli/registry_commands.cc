// SPDX-License-Identifier: MIT
// pull, push, login, logout.
#include <termios.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/registry_flags.h"

namespace rcrt::cli {
namespace {

constexpr size_t kLongestPassword = 64 << 10;
constexpr char kDefaultRegistry[] = "docker.io";

// Switches the terminal's echo off as long as it lives.
class NoEcho {
 public:
  NoEcho() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ECHONL;
    changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~NoEcho() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

// One line of standard input, read byte by byte: the next one may be for somebody else.
Result<std::string> read_line() {
  std::string line;
  while (line.size() < kLongestPassword) {
    char c = 0;
    const ssize_t n = read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot read standard input");
    if (n == 0 || c == '\n') break;
    line += c;
  }
  return line;
}

Result<std::string> read_all() {
  std::string text;
  char buffer[4096];
  while (text.size() < kLongestPassword) {
    const ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot read standard input");
    if (n == 0) break;
    text.append(buffer, static_cast<size_t>(n));
  }
  return text;
}

void add_parallel_flag(po::options_description& description) {
  description.add_options()("parallel", po::value<int>()->value_name("N"), "layers at a time (4)");
}

// 0 when the user leaves it to us.
Result<int> parallel_of(const CommandLine& line) {
  if (!line.has("parallel")) return 0;
  const int count = line.options["parallel"].as<int>();
  if (count < 1) return error("invalid --parallel", std::to_string(count), "1 or more", EINVAL);
  return count;
}

Result<std::string> ask_password() {
  fputs("Password: ", stderr);
  const NoEcho quiet;
  return read_line();
}

// "https://index.docker.io/v1/" as docker's own files have it, too.
std::string registry_name(const CommandLine& line) {
  std::string name = line.words.empty() ? kDefaultRegistry : line.words[0];
  for (const char* scheme : {"https://", "http://"})
    if (name.starts_with(scheme)) name = name.substr(std::string_view(scheme).size());
  name = name.substr(0, name.find('/'));
  return name == "index.docker.io" || name == "registry-1.docker.io" ? kDefaultRegistry : name;
}

}  // namespace

Result<int> pull_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt pull [OPTIONS] IMAGE ...";
  po::options_description own("Options of pull");
  own.add_options()("all-tags,a", toggle(), "all tags of the repository");
  add_registry_flags(own);
  add_parallel_flag(own);
  own.add_options()("platform", word("OS/ARCH"), "which image of several: linux/arm64 (this machine's)");
  add_progress_flag(own);
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 10000, usage));
  PullOptions options;
  options.all_tags = line->flag("all-tags");
  options.platform = line->text("platform");
  options.registry = registry_options(*line);
  RCRT_ASSIGN(options.parallel, parallel_of(*line));
  RCRT_ASSIGN(const ProgressMode mode, progress_mode(*line));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  return for_each_word(line->words, [&](const std::string& reference) -> Result<void> {
    ProgressView view(mode);
    auto pulled = engine->pull(reference, options, view.sink());
    view.finish();
    if (!pulled) return std::unexpected(std::move(pulled).error());
    if (mode == ProgressMode::json) return {};
    for (const PulledImage& image : *pulled) {
      if (mode != ProgressMode::none)
        fprintf(stderr, "%s %s\n", image.name.c_str(), image.news ? "pulled" : "is up to date");
      printf("%s\n", image.id.c_str());
    }
    return {};
  });
}

Result<int> push_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt push [OPTIONS] IMAGE [DESTINATION]";
  po::options_description own("Options of push");
  add_registry_flags(own);
  add_parallel_flag(own);
  add_progress_flag(own);
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 2, usage));
  RCRT_ASSIGN(const int parallel, parallel_of(*line));
  RCRT_ASSIGN(const ProgressMode mode, progress_mode(*line));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  ProgressView view(mode);
  RCRT_ASSIGN(const std::string digest,
              engine->push(line->words[0], line->words.size() > 1 ? line->words[1] : "", parallel,
                           registry_options(*line), view.sink()));
  view.finish();
  if (mode != ProgressMode::json) printf("%s\n", digest.c_str());
  return 0;
}

Result<int> login_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt login [OPTIONS] [REGISTRY]";
  po::options_description own("Options of login");
  add_registry_flags(own);
  own.add_options()("password,p", word("PASSWORD"), "the password; others can see it in the process list")  //
      ("password-stdin", toggle(), "the password is what standard input has")                               //
      ("username,u", word("NAME"), "the user");
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 1, usage));
  const std::string registry = registry_name(*line);
  std::string username = line->text("username"), password = line->text("password");
  if (line->flag("password-stdin")) {
    if (username.empty())
      return error("--password-stdin needs a user", "", "give it with --username", EINVAL);
    if (!password.empty()) return error("both --password and --password-stdin", "", "give one", EINVAL);
    RCRT_ASSIGN(password, read_all());
    while (password.ends_with('\n') || password.ends_with('\r')) password.pop_back();
  } else {
    if ((username.empty() || password.empty()) && !isatty(STDIN_FILENO))
      return error("cannot ask for the password without a terminal", registry, "use --password-stdin",
                   ENOTTY);
    if (username.empty()) {
      fputs("Username: ", stderr);
      RCRT_ASSIGN(username, read_line());
    }
    if (password.empty()) {
      RCRT_ASSIGN(password, ask_password());
    }
  }
  if (username.empty() || password.empty())
    return error("login needs a user and a password", registry, {}, EINVAL);
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_TRY(engine->login(registry, username, password, registry_options(*line)));
  printf("Login Succeeded\n");
  return 0;
}

Result<int> logout_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt logout [--authfile FILE] [REGISTRY]";
  po::options_description own("Options of logout");
  own.add_options()("authfile", word("FILE"), "registries' credentials, instead of the usual files");
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 1, usage));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  const std::string registry = registry_name(*line);
  RCRT_ASSIGN(const bool removed, engine->logout(registry, registry_options(*line)));
  if (removed)
    printf("Removed login credentials for %s\n", registry.c_str());
  else
    printf("Not logged in to %s\n", registry.c_str());
  return 0;
}

}  // namespace rcrt::cli
