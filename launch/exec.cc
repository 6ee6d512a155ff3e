// SPDX-License-Identifier: MIT
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch/child.h"

namespace rcrt::launch {
namespace {

constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;

bool has_slash(const char* text) {
  for (; *text != '\0'; ++text)
    if (*text == '/') return true;
  return false;
}

// Reports why `path`, which is the file that was tried, could not be executed.
[[noreturn]] void refuse(const Child& child, long error, const char* path) {
  if (error == -ENOENT || error == -ENOTDIR) {
    if (sys::faccessat(AT_FDCWD, path, F_OK) == 0)
      fail(child, Stage::kExec, error, path,
           "its interpreter (after #!, or the dynamic loader) does not exist", kNotFound);
    fail(child, Stage::kExec, error, path, nullptr, kNotFound);
  }
  const char* detail = nullptr;
  if (error == -EACCES) {
    struct statx status;
    bool folder =
        sys::statx(AT_FDCWD, path, 0, STATX_TYPE, &status) == 0 && (status.stx_mode & S_IFMT) == S_IFDIR;
    detail = folder ? "it is a folder" : nullptr;
  } else if (error == -ENOEXEC) {
    detail = "it is not a program of this machine, nor a script that starts with #!";
  }
  fail(child, Stage::kExec, error, path, detail, kNotExecutable);
}

// Calls `attempt` on every file the command may mean until it returns 0, as execvp searches:
// an EACCES is remembered and the search goes on. Fails when there is none.
template <typename Attempt>
void search(const Child& child, const char* name, Attempt attempt) {
  if (has_slash(name) || name[0] == '\0') {
    if (long error = attempt(name); error < 0) refuse(child, error, name);
    return;
  }
  char candidate[PATH_MAX], denied_path[PATH_MAX];
  bool denied = false;
  const char* path = child.string(child.plan->search_path);
  size_t name_size = strlen(name);
  for (const char* at = path; at != nullptr;) {
    size_t size = 0;
    while (at[size] != '\0' && at[size] != ':') ++size;
    if (size + name_size + 2 <= sizeof candidate) {
      memcpy(candidate, at, size);
      size_t out = size;
      if (size == 0) candidate[out++] = '.';  // an empty entry is the working directory
      candidate[out++] = '/';
      memcpy(candidate + out, name, name_size + 1);
      long error = attempt(candidate);
      if (error >= 0) return;
      if (error == -EACCES) {
        if (!denied) memcpy(denied_path, candidate, sizeof candidate);
        denied = true;
      } else if ((error != -ENOENT && error != -ENOTDIR) || sys::faccessat(AT_FDCWD, candidate, F_OK) == 0) {
        refuse(child, error, candidate);
      }
    }
    at = at[size] == ':' ? at + size + 1 : nullptr;
  }
  if (denied) refuse(child, -EACCES, denied_path);
  fail(child, Stage::kExec, 0, name,
       path != nullptr ? "executable file not found in $PATH" : "not found: process.env has no PATH",
       kNotFound);
}

const char* command(const Child& child) {
  const char* executable = child.string(child.plan->executable);
  return executable != nullptr ? executable : child.string(child.table<plan::Str>(child.plan->args)[0]);
}

}  // namespace

void check_command(const Child& child) {
  search(child, command(child), [](const char* file) -> long {
    struct statx status;
    if (int error = sys::statx(AT_FDCWD, file, 0, STATX_TYPE, &status); error < 0) return error;
    if ((status.stx_mode & S_IFMT) == S_IFDIR) return -EACCES;
    return sys::call(SYS_faccessat2, AT_FDCWD, sys::arg(file), X_OK, AT_EACCESS);
  });
}

void execute(const Child& child) {
  plan::Plan* plan = child.plan;
  char* base = reinterpret_cast<char*>(plan);
  auto** argv = reinterpret_cast<char**>(base + plan->argv);
  auto** envp = reinterpret_cast<char**>(base + plan->envp);
  auto* args = child.table<plan::Str>(plan->args);
  auto* env = child.table<plan::Str>(plan->env);
  for (uint32_t i = 0; i < plan->args.count; ++i) argv[i] = base + args[i];
  argv[plan->args.count] = nullptr;
  for (uint32_t i = 0; i < plan->env.count; ++i) envp[i] = base + env[i];
  envp[plan->env.count] = nullptr;
  search(child, command(child), [&](const char* file) -> long { return sys::execve(file, argv, envp); });
  sys::exit(kNotExecutable);  // not reached: execve does not return 0
}

}  // namespace rcrt::launch
