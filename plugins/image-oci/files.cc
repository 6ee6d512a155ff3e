// SPDX-License-Identifier: MIT
#include "files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>

namespace rcrt::oci {
namespace {

UniqueFd open_how_at(int root, const std::string& path, int flags, uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(
      static_cast<int>(::syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how)));
}

}  // namespace

UniqueFd open_in_root(int root, const std::string& path, int flags) {
  for (;;) {
    UniqueFd fd = open_how_at(root, path, flags, RESOLVE_IN_ROOT);
    // A rename elsewhere during the walk: try again, as openat2(2) says.
    if (fd || errno != EAGAIN) return fd;
  }
}

UniqueFd open_no_links(int root, const std::string& path, int flags) {
  return open_how_at(root, path, flags | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

Result<void> write_all(int fd, const void* data, size_t size) {
  auto* at = static_cast<const char*>(data);
  while (size > 0) {
    ssize_t wrote = ::write(fd, at, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno_error("cannot write", {}, errno == ENOSPC ? "make room on the disk" : "");
    at += wrote;
    size -= static_cast<size_t>(wrote);
  }
  return {};
}

Result<std::string> read_file(int directory, const std::string& name, size_t limit) {
  UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return errno_error("cannot open", name);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return errno_error("cannot examine", name);
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) > limit)
    return error("not a file of a sensible size", name, "the image store is damaged");
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t have = 0;
  while (have < text.size()) {
    ssize_t got = ::read(fd.get(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("cannot read", name);
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  text.resize(have);
  return text;
}

Result<void> make_directory(int parent, const char* name, mode_t mode) {
  if (::mkdirat(parent, name, mode) == 0 || errno == EEXIST) return {};
  return errno_error("cannot create", name);
}

Result<std::vector<std::string>> list_directory(int directory) {
  UniqueFd copy(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* stream = copy ? ::fdopendir(copy.get()) : nullptr;
  if (!stream) return errno_error("cannot read a directory");
  (void)copy.release();
  std::vector<std::string> names;
  errno = 0;
  while (dirent* entry = ::readdir(stream)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
    errno = 0;
  }
  int code = errno;
  ::closedir(stream);
  if (code != 0) return error("cannot read a directory", {}, {}, code);
  std::sort(names.begin(), names.end());
  return names;
}

bool keeps_xattr(std::string_view name) {
  if (name == "security.capability") return true;
  return name.starts_with("user.") && !name.starts_with("user.overlay.");
}

bool is_whiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0); }

}  // namespace rcrt::oci
