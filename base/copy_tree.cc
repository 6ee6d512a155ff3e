// SPDX-License-Identifier: MIT
#include "base/copy_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace rcrt {
namespace {

// Each level holds descriptors open.
constexpr int kMaxDepth = 200;

UniqueFd open_beneath(int parent, const char* name, uint64_t flags) {
  open_how how{};
  how.flags = flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, parent, name, &how, sizeof how)));
}

// The bytes of one file.
Result<void> copy_bytes(int from, int to, const std::string& name) {
  bool in_kernel = true;
  std::vector<char> buffer;
  for (;;) {
    if (in_kernel) {
      ssize_t n = ::copy_file_range(from, nullptr, to, nullptr, 1 << 30, 0);
      if (n > 0) continue;
      // 0 may also be a file of a kind that cannot be copied this way: reading finds out.
      if (n < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return errno_error("cannot copy", name);
      in_kernel = false;
      buffer.resize(1 << 16);
    }
    ssize_t n = ::read(from, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot read", name);
    if (n == 0) return {};
    for (ssize_t done = 0; done < n;) {
      ssize_t written = ::write(to, buffer.data() + done, static_cast<size_t>(n - done));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno_error("cannot write", name);
      done += written;
    }
  }
}

Result<void> copy_xattrs(int from, int to, const std::string& name) {
  ssize_t size = ::flistxattr(from, nullptr, 0);
  if (size <= 0) return {};  // none, or a file system without
  std::vector<char> names(static_cast<size_t>(size));
  size = ::flistxattr(from, names.data(), names.size());
  for (const char* at = names.data(); size > 0 && at < names.data() + size; at += std::strlen(at) + 1) {
    std::string_view key = at;
    if (key.starts_with("trusted.overlay.") || key == "security.selinux") continue;
    std::vector<char> value(65536);  // the kernel's limit
    ssize_t length = ::fgetxattr(from, at, value.data(), value.size());
    if (length < 0) continue;  // gone
    if (::fsetxattr(to, at, value.data(), static_cast<size_t>(length), 0) != 0 && errno != EOPNOTSUPP)
      return errno_error("cannot set attribute " + std::string(key) + " of", name);
  }
  return {};
}

// Owner first: changing it clears set-id bits and capabilities.
Result<void> copy_metadata(int from, int to, const struct stat& info, const std::string& name) {
  if (::fchown(to, info.st_uid, info.st_gid) != 0) return errno_error("cannot set the owner of", name);
  if (::fchmod(to, info.st_mode & 07777) != 0) return errno_error("cannot set the mode of", name);
  RCRT_TRY(copy_xattrs(from, to, name));
  timespec times[2] = {info.st_atim, info.st_mtim};
  if (::futimens(to, times) != 0) return errno_error("cannot set the times of", name);
  return {};
}

class Copier {
 public:
  explicit Copier(int top) : top_(top) {}

  // `path` is that of `to` below the top, with a slash at its end unless it is empty.
  Result<void> directory(UniqueFd from, int to, const std::string& path, int depth) {
    if (depth > kMaxDepth) return error("folders are nested too deep to be copied", path, {}, ELOOP);
    DIR* list = ::fdopendir(from.get());
    if (list == nullptr) return errno_error("cannot read folder", path);
    int fd = from.release();
    Result<void> outcome = entries(list, fd, to, path, depth);
    struct stat info;
    if (outcome && ::fstat(fd, &info) != 0) outcome = errno_error("cannot examine", path);
    // Last: what is put into a folder changes its times.
    if (outcome) outcome = copy_metadata(fd, to, info, path);
    ::closedir(list);
    return outcome;
  }

 private:
  Result<void> entries(DIR* list, int from, int to, const std::string& path, int depth) {
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(list);
      if (entry == nullptr && errno != 0) return errno_error("cannot read folder", path);
      if (entry == nullptr) return {};
      std::string name = entry->d_name;
      if (name != "." && name != "..") RCRT_TRY(one(from, to, name, path + name, depth));
    }
  }

  Result<void> one(int from, int to, const std::string& name, const std::string& path, int depth) {
    struct stat info;
    if (::fstatat(from, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return errno == ENOENT ? Result<void>() : errno_error("cannot examine", path);
    if (S_ISDIR(info.st_mode)) return folder(from, to, name, path, depth);
    if (info.st_nlink > 1) {
      auto [known, first] = links_.emplace(std::pair{info.st_dev, info.st_ino}, path);
      if (!first) {
        if (::linkat(top_, known->second.c_str(), to, name.c_str(), 0) != 0)
          return errno_error("cannot make a hard link", path);
        return {};
      }
    }
    if (S_ISREG(info.st_mode)) return file(from, to, name, path);
    if (S_ISLNK(info.st_mode)) return symbolic_link(from, to, name, path, info);
    if (!S_ISFIFO(info.st_mode)) return {};
    if (::mkfifoat(to, name.c_str(), 0600) != 0) return errno_error("cannot make", path);
    return owner_and_mode(to, name, path, info);
  }

  Result<void> folder(int from, int to, const std::string& name, const std::string& path, int depth) {
    UniqueFd source = open_beneath(from, name.c_str(), O_DIRECTORY);
    if (!source && errno == EXDEV) return {};  // something is mounted there
    if (!source) return errno_error("cannot open folder", path);
    if (::mkdirat(to, name.c_str(), 0700) != 0) return errno_error("cannot make folder", path);
    UniqueFd target = open_beneath(to, name.c_str(), O_DIRECTORY);
    if (!target) return errno_error("cannot open folder", path);
    return directory(std::move(source), target.get(), path + "/", depth + 1);
  }

  Result<void> file(int from, int to, const std::string& name, const std::string& path) {
    UniqueFd source = open_beneath(from, name.c_str(), O_NONBLOCK | O_NOCTTY);
    if (!source && errno == EXDEV) return {};
    if (!source) return errno_error("cannot open", path);
    struct stat info;
    if (::fstat(source.get(), &info) != 0 || !S_ISREG(info.st_mode)) return error("file has changed", path);
    UniqueFd target(::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!target) return errno_error("cannot make", path);
    RCRT_TRY(copy_bytes(source.get(), target.get(), path));
    return copy_metadata(source.get(), target.get(), info, path);
  }

  static Result<void> symbolic_link(int from, int to, const std::string& name, const std::string& path,
                                    const struct stat& info) {
    char text[4097];
    ssize_t length = ::readlinkat(from, name.c_str(), text, sizeof text - 1);
    if (length < 0) return errno_error("cannot read link", path);
    text[length] = '\0';
    if (::symlinkat(text, to, name.c_str()) != 0) return errno_error("cannot make link", path);
    return owner_and_mode(to, name, path, info);
  }

  // Of what cannot be opened.
  static Result<void> owner_and_mode(int to, const std::string& name, const std::string& path,
                                     const struct stat& info) {
    if (::fchownat(to, name.c_str(), info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
      return errno_error("cannot set the owner of", path);
    if (!S_ISLNK(info.st_mode) && ::fchmodat(to, name.c_str(), info.st_mode & 07777, 0) != 0)
      return errno_error("cannot set the mode of", path);
    timespec times[2] = {info.st_atim, info.st_mtim};
    if (::utimensat(to, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
      return errno_error("cannot set the times of", path);
    return {};
  }

  int top_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

}  // namespace

Result<void> copy_tree(int from, int to) {
  UniqueFd source(::openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!source) return errno_error("cannot open the folder to be copied");
  return Copier(to).directory(std::move(source), to, "", 0);
}

}  // namespace rcrt
