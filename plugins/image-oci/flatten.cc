// SPDX-License-Identifier: MIT
#include "flatten.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>

#include <cstring>
#include <map>
#include <vector>

#include "base/tree.h"
#include "files.h"

namespace rcrt::oci {
namespace {

Result<void> copy_content(int from, int to, int64_t size) {
  if (size == 0 || ::ioctl(to, FICLONE, from) == 0) return {};
  for (int64_t at = 0; at < size;) {
    // Holes stay holes.
    int64_t data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) return errno_error("cannot read");
    int64_t hole = ::lseek(from, data, SEEK_HOLE);
    if (hole < 0 || ::lseek(to, data, SEEK_SET) < 0) return errno_error("cannot read");
    for (int64_t offset = data; offset < hole;) {
      ssize_t sent = ::sendfile(to, from, &offset, static_cast<size_t>(hole - offset));
      if (sent < 0) return errno_error("cannot write", {}, errno == ENOSPC ? "make room on the disk" : "");
      if (sent == 0) break;
    }
    at = hole;
  }
  return ::ftruncate(to, size) == 0 ? Result<void>() : errno_error("cannot set the size");
}

Result<void> copy_xattrs(int from, int to) {
  std::vector<char> names(64 << 10), value(64 << 10);
  ssize_t size = ::flistxattr(from, names.data(), names.size());
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(strlen(&names[at])) + 1) {
    const char* name = &names[at];
    if (!keeps_xattr(name)) continue;
    ssize_t got = ::fgetxattr(from, name, value.data(), value.size());
    if (got >= 0 && ::fsetxattr(to, name, value.data(), static_cast<size_t>(got), 0) != 0)
      return errno_error("cannot set the extended attribute", name);
  }
  return {};
}

Result<void> copy_attributes(int from, int to, const struct stat& info) {
  if (::fchown(to, info.st_uid, info.st_gid) != 0) return errno_error("cannot set the owner");
  if (::fchmod(to, info.st_mode & 07777) != 0) return errno_error("cannot set the mode");
  return copy_xattrs(from, to);
}

class Layer {
 public:
  Layer(int from, int to) : from_(from), to_(to) {}

  Result<void> copy() {
    struct stat top;
    if (::fstat(from_, &top) != 0) return errno_error("cannot examine a layer");
    RCRT_TRY(copy_attributes(from_, to_, top));
    directories_.push_back({"", top.st_mtim});
    for (size_t i = 0; i < directories_.size(); ++i) {
      std::string path = directories_[i].first;
      UniqueFd source = open_no_links(from_, path, O_RDONLY | O_DIRECTORY);
      UniqueFd target = open_no_links(to_, path, O_RDONLY | O_DIRECTORY);
      if (!source || !target) return errno_error("cannot open", path);
      RCRT_ASSIGN(std::vector<std::string> names, list_directory(source.get()));
      for (const std::string& name : names) {
        std::string below = path.empty() ? name : path + "/" + name;
        if (auto done = entry(source.get(), target.get(), name, below); !done)
          return wrap(done.error(), "cannot unpack", below);
      }
    }
    for (auto it = directories_.rbegin(); it != directories_.rend(); ++it) {
      UniqueFd fd = open_no_links(to_, it->first, O_RDONLY | O_DIRECTORY);
      timespec times[2] = {it->second, it->second};
      if (!fd || ::futimens(fd.get(), times) != 0) return errno_error("cannot set the times of", it->first);
    }
    return {};
  }

 private:
  Result<void> entry(int source, int target, const std::string& name, const std::string& path) {
    const char* at = name.c_str();
    struct stat info, there;
    if (::fstatat(source, at, &info, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("cannot examine");
    bool exists = ::fstatat(target, at, &there, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_whiteout(info)) return exists ? remove_tree(target, at) : Result<void>();
    if (S_ISDIR(info.st_mode)) {
      UniqueFd own = open_no_links(source, name, O_RDONLY | O_DIRECTORY);
      if (!own) return errno_error("cannot open");
      char opaque = 0;
      bool replaces = ::fgetxattr(own.get(), kOpaque, &opaque, 1) == 1 && opaque == 'y';
      if (exists && (replaces || !S_ISDIR(there.st_mode))) {
        RCRT_TRY(remove_tree(target, at));
        exists = false;
      }
      if (!exists && ::mkdirat(target, at, 0700) != 0) return errno_error("cannot create");
      UniqueFd fd = open_no_links(target, name, O_RDONLY | O_DIRECTORY);
      if (!fd) return errno_error("cannot open");
      directories_.push_back({path, info.st_mtim});
      return copy_attributes(own.get(), fd.get(), info);
    }
    if (exists) RCRT_TRY(remove_tree(target, at));
    if (info.st_nlink > 1) {
      auto [first, is_first] = links_.emplace(info.st_ino, path);
      if (!is_first) {
        size_t slash = first->second.rfind('/');
        UniqueFd folder = open_no_links(to_, slash == std::string::npos ? "" : first->second.substr(0, slash),
                                        O_PATH | O_DIRECTORY);
        const char* last = first->second.c_str() + (slash == std::string::npos ? 0 : slash + 1);
        if (!folder || ::linkat(folder.get(), last, target, at, 0) != 0)
          return errno_error("cannot create a hard link");
        return {};
      }
    }
    timespec times[2] = {info.st_mtim, info.st_mtim};
    if (S_ISREG(info.st_mode)) {
      UniqueFd from = open_no_links(source, name, O_RDONLY);
      UniqueFd to(::openat(target, at, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
      if (!from || !to) return errno_error("cannot create");
      RCRT_TRY(copy_content(from.get(), to.get(), info.st_size));
      RCRT_TRY(copy_attributes(from.get(), to.get(), info));
      return ::futimens(to.get(), times) == 0 ? Result<void>() : errno_error("cannot set the times");
    }
    if (S_ISLNK(info.st_mode)) {
      char text[4097];
      ssize_t size = ::readlinkat(source, at, text, sizeof text - 1);
      if (size < 0) return errno_error("cannot read the link");
      text[size] = '\0';
      if (::symlinkat(text, target, at) != 0) return errno_error("cannot create");
    } else if (::mknodat(target, at, (info.st_mode & S_IFMT) | 0600, info.st_rdev) != 0) {
      return errno_error("cannot create");
    }
    if (::fchownat(target, at, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
      return errno_error("cannot set the owner");
    if (!S_ISLNK(info.st_mode) && ::fchmodat(target, at, info.st_mode & 07777, 0) != 0)
      return errno_error("cannot set the mode");
    if (::utimensat(target, at, times, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("cannot set the times");
    return {};
  }

  int from_, to_;
  std::map<ino_t, std::string> links_;
  std::vector<std::pair<std::string, timespec>> directories_;
};

}  // namespace

Result<void> flatten(int layer, int to) { return Layer(layer, to).copy(); }

}  // namespace rcrt::oci
