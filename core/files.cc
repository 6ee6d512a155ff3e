// SPDX-License-Identifier: MIT
#include "core/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace rcrt {
namespace {

Result<void> write_all(int fd, const std::string& content, const std::string& name) {
  size_t done = 0;
  while (done < content.size()) {
    ssize_t n = write(fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot write", name);
    done += static_cast<size_t>(n);
  }
  return {};
}

}  // namespace

Result<std::string> read_fd(int fd, const std::string& name, size_t limit) {
  struct stat st;
  if (fstat(fd, &st) != 0) return errno_error("cannot read", name);
  if (!S_ISREG(st.st_mode)) return error("cannot read", name, "it is not a regular file", EINVAL);
  std::string content;
  char buffer[16384];
  for (;;) {
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot read", name);
    if (n == 0) return content;
    content.append(buffer, static_cast<size_t>(n));
    if (content.size() > limit) return error("file is too large", name, {}, EFBIG);
  }
}

Result<std::string> read_file(const std::string& path, size_t limit) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return errno_error("cannot open", path);
  return read_fd(fd.get(), path, limit);
}

Result<Json> read_json(const std::string& path) {
  RCRT_ASSIGN(std::string text, read_file(path));
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return error("file is not a JSON object", path, {}, EINVAL);
  return json;
}

Result<void> write_file(const std::string& path, const std::string& content, Durable durable, unsigned mode) {
  std::string temporary = path + "." + std::to_string(getpid()) + ".tmp";
  UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return errno_error("cannot create", temporary);
  auto written = write_all(fd.get(), content, temporary);
  if (written && durable == Durable::yes && fsync(fd.get()) != 0)
    written = errno_error("cannot sync", temporary);
  if (written && rename(temporary.c_str(), path.c_str()) != 0) written = errno_error("cannot replace", path);
  if (!written) {
    unlink(temporary.c_str());
    return written;
  }
  if (durable == Durable::yes) {
    UniqueFd folder(open(path.substr(0, path.rfind('/')).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || fsync(folder.get()) != 0) return errno_error("cannot sync the folder of", path);
  }
  return {};
}

Result<void> overwrite_file(const std::string& path, const std::string& content, unsigned mode) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return errno_error("cannot create", path);
  return write_all(fd.get(), content, path);
}

Result<std::string> absolute_path(const std::string& path) {
  if (path.starts_with('/')) return path;
  char* here = realpath(".", nullptr);
  if (here == nullptr) return errno_error("cannot find the current directory");
  std::string full = std::string(here) + "/" + path;
  free(here);
  return full;
}

std::vector<std::string> list_folder(const std::string& path) {
  std::vector<std::string> names;
  DIR* folder = opendir(path.c_str());
  if (folder == nullptr) return names;
  while (dirent* entry = readdir(folder)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  closedir(folder);
  std::ranges::sort(names);
  return names;
}

}  // namespace rcrt
