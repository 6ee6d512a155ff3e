// SPDX-License-Identifier: MIT
#include "core/user_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "base/words.h"
#include "core/find_program.h"

namespace rcrt {
namespace {

// A process that does nothing, in a user namespace of its own. Ended when destroyed.
class Holder {
 public:
  Holder() {
    pid_ =
        static_cast<pid_t>(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, __WALL);
  }
  bool made() const { return pid_ > 0; }
  std::string pid() const { return std::to_string(pid_); }
  std::string path(const char* name) const { return "/proc/" + pid() + "/" + name; }

 private:
  pid_t pid_ = -1;
};

// For users, and for groups.
struct Kind {
  const char* ids;
  const char* file;
  const char* helper;
  const char* ranges;
  unsigned own;  // the caller's
};

Result<void> write_map(const std::string& path, const std::string& map) {
  UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file && write(file.get(), map.data(), map.size()) == static_cast<ssize_t>(map.size())) return {};
  return errno_error("cannot map ids", map, "ranges must not overlap, and we must be allowed to use them");
}

// "INSIDE OUTSIDE 1\n", OUTSIDE being `own`: anybody may map himself.
bool maps_only(const std::string& map, unsigned own) {
  const std::vector<std::string> words = words_of(map, " \n");
  return words.size() == 3 && words[1] == std::to_string(own) && words[2] == "1";
}

Result<std::string> find_helper(const Kind& kind) {
  if (std::string found = find_program(kind.helper); !found.empty()) return found;
  return error(std::string("cannot map ") + kind.ids + ": " + kind.helper + " is not in PATH", {},
               "install it (Debian's package uidmap), or map your own id alone");
}

// What was written to the file, its last line break taken away.
std::string text_of(int file) {
  std::string text(512, '\0');
  ssize_t size = pread(file, text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

Result<void> run_helper(const Kind& kind, const Holder& holder, const std::string& map) {
  RCRT_ASSIGN(const std::string path, find_helper(kind));
  std::vector<std::string> words = {path, holder.pid()};
  for (auto& number : words_of(map, " \n")) words.push_back(std::move(number));
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  char* const environment[] = {nullptr};
  UniqueFd output(memfd_create("output", MFD_CLOEXEC));
  if (!output) return errno_error("cannot make memory for the output of", path);
  pid_t pid = fork();
  if (pid < 0) return errno_error("cannot start", path);
  if (pid == 0) {
    dup2(output.get(), 1);
    dup2(output.get(), 2);
    execve(path.c_str(), argv.data(), environment);
    _exit(127);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::string said = text_of(output.get());
  if (said.empty()) said = path + " failed";
  return std::unexpected(Error{std::string("cannot map ") + kind.ids,
                               {},
                               EPERM,
                               std::string("the ranges that you may map are in ") + kind.ranges,
                               std::move(said)});
}

Result<void> map(const Kind& kind, const Holder& holder, const std::string& map) {
  const bool alone = maps_only(map, kind.own);
  if (geteuid() != 0 && !alone) return run_helper(kind, holder, map);
  // Whoever maps just his own group could else give away groups that deny him something.
  if (geteuid() != 0 && std::string_view(kind.file) == "gid_map")
    RCRT_TRY(write_map(holder.path("setgroups"), "deny"));
  return write_map(holder.path(kind.file), map);
}

}  // namespace

Result<UniqueFd> make_user_namespace(const std::string& uid_map, const std::string& gid_map) {
  Holder holder;
  if (!holder.made())
    return errno_error("cannot make a user namespace", {},
                       errno == EPERM || errno == ENOSPC
                           ? "the machine may forbid it: see user.max_user_namespaces and, on Debian, "
                             "kernel.unprivileged_userns_clone of sysctl"
                           : "");
  RCRT_TRY(map({"users", "uid_map", "newuidmap", "/etc/subuid", geteuid()}, holder, uid_map));
  RCRT_TRY(map({"groups", "gid_map", "newgidmap", "/etc/subgid", getegid()}, holder, gid_map));
  UniqueFd space(open(holder.path("ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  if (!space) return errno_error("cannot open a user namespace");
  return space;
}

bool in_user_namespace() {
  UniqueFd file(open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC));
  char text[64] = {};
  unsigned long inside = 1, outside = 1, size = 0;
  return file && read(file.get(), text, sizeof text - 1) > 0 &&
         (sscanf(text, "%lu %lu %lu", &inside, &outside, &size) != 3 || inside != 0 || outside != 0 ||
          size != 4294967295);
}

}  // namespace rcrt
