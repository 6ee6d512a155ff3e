// SPDX-License-Identifier: MIT
#include "plugins/image-oci/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <vector>

namespace rcrt::image_oci {
namespace {

bool is_dot(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};
using Dir = std::unique_ptr<DIR, CloseDir>;

}  // namespace

std::unexpected<Error> in_context(const Error& below, std::string_view what, std::string_view object) {
  Error error = below;
  error.what = std::string(what) + " \"" + std::string(object) + "\": " + below.what;
  return std::unexpected(std::move(error));
}

Result<size_t> read_full(int fd, void* data, size_t size) {
  size_t have = 0;
  while (have < size) {
    const ssize_t n = read(fd, static_cast<char*>(data) + have, size - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot read the archive");
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  return have;
}

Result<void> write_full(int fd, const void* data, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = write(fd, static_cast<const char*>(data) + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot write");
    done += static_cast<size_t>(n);
  }
  return {};
}

Result<UniqueFd> open_in_root(int root, const std::string& path, uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  int fd = -1;
  do {
    fd = static_cast<int>(syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how));
  } while (fd < 0 && (errno == EINTR || errno == EAGAIN));
  if (fd < 0) return errno_error("cannot open", path);
  return UniqueFd(fd);
}

Result<UniqueFd> make_directory(int parent, const char* name, mode_t mode) {
  if (mkdirat(parent, name, mode) != 0 && errno != EEXIST) return errno_error("cannot make directory", name);
  UniqueFd fd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return errno_error("cannot open directory", name);
  return fd;
}

Result<std::vector<std::string>> names_in(int dir) {
  UniqueFd fd(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_error("cannot open a directory");
  Dir stream(fdopendir(fd.get()));
  if (!stream) return errno_error("cannot read a directory");
  if (fd.release() < 0) return error("cannot read a directory");
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    if (!is_dot(entry->d_name)) names.push_back(entry->d_name);
    errno = 0;
  }
  if (errno != 0) return errno_error("cannot read a directory");
  return names;
}

Result<std::string> read_small_file(int parent, const char* name, size_t limit) {
  UniqueFd fd(openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return errno_error("cannot open", name);
  return read_small_file(fd.get(), std::string(name), limit);
}

Result<std::string> read_small_file(int fd, const std::string& object, size_t limit) {
  struct stat info{};
  if (fstat(fd, &info) != 0) return errno_error("cannot stat", object);
  if (!S_ISREG(info.st_mode)) return error("not a regular file", object, {}, EBADMSG);
  if (static_cast<uint64_t>(info.st_size) > limit) return error("too large", object, {}, EFBIG);
  std::string text(static_cast<size_t>(info.st_size), '\0');
  RCRT_ASSIGN(const size_t size, read_full(fd, text.data(), text.size()));
  text.resize(size);
  return text;
}

Result<void> write_file_atomically(int parent, const char* name, std::string_view text) {
  const std::string temporary = std::string(".") + name + ".new";
  UniqueFd fd(openat(parent, temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) return errno_error("cannot create", temporary);
  RCRT_TRY(write_full(fd.get(), text.data(), text.size()));
  if (fsync(fd.get()) != 0) return errno_error("cannot sync", temporary);
  if (renameat(parent, temporary.c_str(), parent, name) != 0) return errno_error("cannot rename", temporary);
  return sync_directory(parent);
}

Result<void> sync_directory(int fd) {
  if (fsync(fd) != 0) return errno_error("cannot sync a directory of the store");
  return {};
}

}  // namespace rcrt::image_oci
