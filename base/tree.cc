// SPDX-License-Identifier: MIT
#include "base/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstdio>
#include <string>

#include "base/unique_fd.h"

namespace rcrt {
namespace {

// Below this depth a directory is moved up to the top of the tree instead of being
// entered, so that a tree of any depth needs few descriptors.
constexpr int kDepth = 40;

int open_directory(int parent, const char* name) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  return static_cast<int>(::syscall(SYS_openat2, parent, name, &how, sizeof how));
}

bool clear_flags(int fd) {
  int flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return false;
  int cleared = flags & ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
  return cleared != flags && ::ioctl(fd, FS_IOC_SETFLAGS, &cleared) == 0;
}

// Takes flags off that forbid deleting `name`: its own and those of its directory.
bool unlock(int parent, const char* name) {
  bool changed = clear_flags(parent);
  struct stat info;
  if (::fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return changed;
  if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) {
    UniqueFd fd(::openat(parent, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC));
    if (fd) changed |= clear_flags(fd.get());
  }
  return changed;
}

// unlinkat(2), once more after taking off what forbids it. 0 or an errno value.
int unlink_entry(int parent, const char* name, int flags) {
  if (::unlinkat(parent, name, flags) == 0 || errno == ENOENT) return 0;
  int code = errno;
  if ((code != EPERM && code != EACCES) || !unlock(parent, name)) return code;
  return ::unlinkat(parent, name, flags) == 0 || errno == ENOENT ? 0 : errno;
}

class Remover {
 public:
  explicit Remover(int top) : top_(top) {}

  // Empties the directory `fd`, which it owns.
  Result<void> empty(UniqueFd fd, int depth) {
    DIR* directory = ::fdopendir(fd.get());
    if (!directory) return errno_error("cannot read a directory to be deleted");
    int own = fd.release();
    Result<void> outcome = entries(directory, own, depth);
    ::closedir(directory);
    return outcome;
  }

 private:
  Result<void> entries(DIR* directory, int fd, int depth) {
    for (bool again = true; again;) {
      // What was moved up here meanwhile may have come in before the place of reading.
      moved_ = false;
      ::rewinddir(directory);
      for (;;) {
        errno = 0;
        dirent* entry = ::readdir(directory);
        if (!entry) {
          if (errno != 0) return errno_error("cannot read a directory to be deleted");
          break;
        }
        std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        RCRT_TRY(remove(fd, name.c_str(), depth));
      }
      again = depth == 0 && moved_;
    }
    return {};
  }

  Result<void> remove(int parent, const char* name, int depth) {
    int code = unlink_entry(parent, name, 0);
    if (code == 0) return {};
    if (code != EISDIR) return error("cannot delete", name, {}, code);
    code = unlink_entry(parent, name, AT_REMOVEDIR);
    if (code == 0) return {};
    if (code == EBUSY) return error("cannot delete", name, "something is mounted there: unmount it", code);
    if (code != ENOTEMPTY && code != EEXIST) return error("cannot delete", name, {}, code);
    if (depth >= kDepth) return move_up(parent, name);

    UniqueFd fd(open_directory(parent, name));
    if (!fd && errno == EACCES && ::fchmodat(parent, name, 0700, 0) == 0)
      fd.reset(open_directory(parent, name));
    if (!fd && errno == EXDEV)
      return error("cannot delete", name, "a file system is mounted there: unmount it", EBUSY);
    if (!fd) return errno_error("cannot open a directory to be deleted", name);
    RCRT_TRY(empty(std::move(fd), depth + 1));
    code = unlink_entry(parent, name, AT_REMOVEDIR);
    return code == 0 ? Result<void>() : error("cannot delete", name, {}, code);
  }

  Result<void> move_up(int parent, const char* name) {
    for (;;) {
      char up[32];
      std::snprintf(up, sizeof up, ".rcrt-deep-%u", count_++);
      if (::renameat2(parent, name, top_, up, RENAME_NOREPLACE) == 0) break;
      if (errno == EEXIST) continue;
      if ((errno == EPERM || errno == EACCES) && unlock(parent, name)) continue;
      return errno_error("cannot move a deep directory to be deleted", name);
    }
    moved_ = true;
    return {};
  }

  int top_;
  unsigned count_ = 0;
  bool moved_ = false;
};

}  // namespace

Result<void> remove_tree(int parent, const char* name) {
  int code = unlink_entry(parent, name, 0);
  if (code == 0) return {};
  if (code != EISDIR) return error("cannot delete", name, {}, code);
  UniqueFd fd(open_directory(parent, name));
  if (!fd && errno == EACCES && ::fchmodat(parent, name, 0700, 0) == 0)
    fd.reset(open_directory(parent, name));
  if (!fd && errno == ENOENT) return {};
  if (!fd) return errno_error("cannot open a directory to be deleted", name);
  UniqueFd top(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!top) return errno_error("cannot delete", name);
  RCRT_TRY(Remover(top.get()).empty(std::move(fd), 0));
  code = unlink_entry(parent, name, AT_REMOVEDIR);
  return code == 0 ? Result<void>() : error("cannot delete", name, {}, code);
}

uint64_t tree_bytes(int parent, const char* name, int depth) {
  struct stat info;
  if (depth > 64 || ::fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return 0;
  uint64_t bytes = static_cast<uint64_t>(info.st_blocks) * 512;
  if (!S_ISDIR(info.st_mode)) return bytes / (info.st_nlink > 0 ? info.st_nlink : 1);
  UniqueFd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  DIR* directory = fd ? ::fdopendir(fd.get()) : nullptr;
  if (!directory) return bytes;
  int own = fd.release();
  while (dirent* entry = ::readdir(directory)) {
    std::string_view below = entry->d_name;
    if (below != "." && below != "..") bytes += tree_bytes(own, entry->d_name, depth + 1);
  }
  ::closedir(directory);
  return bytes;
}

Result<void> remove_tree(const char* path) {
  std::string text = path;
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  size_t slash = text.rfind('/');
  if (slash == text.npos || text.size() == 1)
    return error("cannot delete", path, "give an absolute path", EINVAL);
  UniqueFd parent(::open(slash == 0 ? "/" : text.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!parent && (errno == ENOENT || errno == ENOTDIR)) return {};
  if (!parent) return errno_error("cannot open", text.substr(0, slash));
  auto outcome = remove_tree(parent.get(), text.c_str() + slash + 1);
  if (!outcome) return wrap(outcome.error(), "cannot delete", path);
  return {};
}

}  // namespace rcrt
