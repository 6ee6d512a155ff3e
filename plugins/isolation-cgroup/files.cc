// SPDX-License-Identifier: MIT
#include "files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>
#include <memory>

namespace rcrt::cgroup {

Expected<std::string> read_file(int dir, const char* name) {
  UniqueFd fd(::openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return sdk::fail_errno("cannot open cgroup file", name);
  std::string text;
  char buffer[4096];
  for (;;) {
    ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sdk::fail_errno("cannot read cgroup file", name);
    if (n == 0) return text;
    text.append(buffer, static_cast<size_t>(n));
  }
}

Status write_file(int dir, const char* name, std::string_view value) {
  UniqueFd fd(::openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return sdk::fail_errno("cannot open cgroup file", name);
  ssize_t n;
  do n = ::write(fd.get(), value.data(), value.size());
  while (n < 0 && errno == EINTR);
  if (n < 0) return sdk::fail_errno("cannot write \"" + std::string(value) + "\" to cgroup file", name);
  return {};
}

bool exists(int dir, const char* name) { return ::faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  size_t at = 0;
  while ((at = text.find_first_not_of(" \t\n", at)) != text.npos) {
    size_t end = std::min(text.find_first_of(" \t\n", at), text.size());
    found.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return found;
}

std::set<std::string> word_set(std::string_view text) {
  auto list = words(text);
  return {list.begin(), list.end()};
}

long long flat_value(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.size() <= key.size() || !line.starts_with(key) || line[key.size()] != ' ') continue;
    long long value = -1;
    std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), value);
    return value;
  }
  return -1;
}

Expected<std::vector<std::string>> children(int dir) {
  UniqueFd fd(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return sdk::fail_errno("cannot list cgroup");
  std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd.get()), ::closedir);
  if (!stream) return sdk::fail_errno("cannot list cgroup");
  (void)fd.release();  // closedir closes it
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream.get()))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

Expected<UniqueFd> open_directory(int dir, const char* name) {
  UniqueFd fd(::openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return sdk::fail_errno("cannot open cgroup", name);
  return fd;
}

}  // namespace rcrt::cgroup
