// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/result.h"

namespace rcrt::bridge {

Expected<UniqueFd> open_folder(int at, const std::string& path, bool create) {
  for (int attempt = 0;; ++attempt) {
    UniqueFd fd(openat(at, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (fd) return fd;
    if (errno != ENOENT || !create || attempt == 1) return sdk::fail_errno("cannot open the folder", path);
    if (mkdirat(at, path.c_str(), 0700) != 0 && errno != EEXIST)
      return sdk::fail_errno("cannot create the folder", path);
  }
}

Expected<std::optional<std::string>> read_file(int at, const std::string& path, size_t limit) {
  UniqueFd fd(openat(at, path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    return sdk::fail_errno("cannot open", path);
  }
  std::string text;
  char buffer[4096];
  for (;;) {
    ssize_t size = read(fd.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return sdk::fail_errno("cannot read", path);
    if (size == 0) return text;
    text.append(buffer, static_cast<size_t>(size));
    if (text.size() > limit) return sdk::fail(EFBIG, "file too large", path);
  }
}

Status write_file(int at, const std::string& name, std::string_view text, bool durable) {
  // One writer a process: calls come from one thread at a time.
  std::string temporary = "." + name + "." + std::to_string(getpid());
  UniqueFd fd(openat(at, temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return sdk::fail_errno("cannot create", temporary);
  while (!text.empty()) {
    ssize_t size = write(fd.get(), text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      auto failure = sdk::fail_errno("cannot write", name, "free some space");
      unlinkat(at, temporary.c_str(), 0);
      return failure;
    }
    text.remove_prefix(static_cast<size_t>(size));
  }
  if (durable && fsync(fd.get()) != 0) return sdk::fail_errno("cannot write to disk", name);
  if (renameat(at, temporary.c_str(), at, name.c_str()) != 0)
    return sdk::fail_errno("cannot rename to", name);
  if (durable && fsync(at) != 0) return sdk::fail_errno("cannot write to disk", name);
  return {};
}

Status remove_file(int at, const std::string& name) {
  if (unlinkat(at, name.c_str(), 0) != 0 && errno != ENOENT) return sdk::fail_errno("cannot remove", name);
  return {};
}

Expected<std::vector<std::string>> list_folder(int folder, bool hidden) {
  int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return sdk::fail_errno("cannot open a folder for listing");
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(copy), closedir);
  if (!stream) {
    close(copy);
    return sdk::fail_errno("cannot list a folder");
  }
  std::vector<std::string> names;
  while (const dirent* entry = readdir(stream.get()))
    if (std::string_view name = entry->d_name; name != "." && name != ".." && (hidden || name[0] != '.'))
      names.emplace_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace rcrt::bridge
