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

}  // namespace

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

  const char* name = argv[0];
  if (has_slash(name) || name[0] == '\0') refuse(child, sys::execve(name, argv, envp), name);

  // As execvp does, an EACCES is remembered and the search goes on.
  char candidate[PATH_MAX], denied_path[PATH_MAX];
  bool denied = false;
  const char* path = child.string(plan->search_path);
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
      long error = sys::execve(candidate, argv, envp);
      if (error == -EACCES) {
        if (!denied) memcpy(denied_path, candidate, sizeof candidate);
        denied = true;
      } else if (error != -ENOENT && error != -ENOTDIR) {
        refuse(child, error, candidate);
      } else if (sys::faccessat(AT_FDCWD, candidate, F_OK) == 0) {
        refuse(child, error, candidate);
      }
    }
    at = at[size] == ':' ? at + size + 1 : nullptr;
  }
  if (denied) refuse(child, -EACCES, denied_path);
  fail(child, Stage::kExec, 0, name,
       path != nullptr ? "not found in PATH" : "not found: process.env has no PATH", kNotFound);
}

}  // namespace rcrt::launch
