// SPDX-License-Identifier: MIT
#include "changes.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <set>

#include "base/unique_fd.h"

namespace rcrt::overlay {
namespace {

using sdk::Expected;
using sdk::fail_errno;
using sdk::Status;

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// `path` is relative to `root`, "" for root itself; no symbolic link is followed.
UniqueFd open_below(int root, const std::string& path, uint64_t flags) {
  open_how how{};
  how.flags = flags | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  return UniqueFd(
      static_cast<int>(::syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how)));
}

bool is_whiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0); }

bool is_opaque(int fd) {
  char value = 0;
  return ::fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

// Calls `visit` with the name of each entry of the directory.
Status each_entry(int directory_fd, const std::string& path,
                  const std::function<Status(const char*)>& visit) {
  UniqueFd copy(::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::unique_ptr<DIR, DirectoryCloser> directory(copy ? ::fdopendir(copy.get()) : nullptr);
  if (!directory) return fail_errno("cannot read the container's directory", path);
  (void)copy.release();
  for (;;) {
    errno = 0;
    dirent* entry = ::readdir(directory.get());
    if (!entry) return errno == 0 ? Status() : fail_errno("cannot read the container's directory", path);
    std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (Status visited = visit(entry->d_name); !visited) return visited;
  }
}

// Directories waiting to be read, by path: a tree may be deeper than descriptors last.
template <typename Visit>
Status walk(int root, Visit&& visit) {
  std::vector<std::string> waiting{""};
  while (!waiting.empty()) {
    std::string path = std::move(waiting.back());
    waiting.pop_back();
    UniqueFd directory = open_below(root, path, O_RDONLY | O_DIRECTORY);
    if (!directory) {
      if (errno == ENOENT) continue;  // deleted meanwhile
      return fail_errno("cannot open the container's directory", "/" + path);
    }
    Status read = each_entry(directory.get(), "/" + path, [&](const char* name) -> Status {
      struct stat info;
      if (::fstatat(directory.get(), name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return {};
        return fail_errno("cannot examine the container's file", "/" + path + "/" + name);
      }
      std::string below = path.empty() ? name : path + "/" + name;
      if (Status visited = visit(directory.get(), name, below, info); !visited) return visited;
      if (S_ISDIR(info.st_mode)) waiting.push_back(std::move(below));
      return {};
    });
    if (!read) return read;
  }
  return {};
}

// The layers as the container saw them before it changed anything.
class LowerView {
 public:
  explicit LowerView(const std::vector<std::string>& layers) : layers_(layers) {}

  bool exists(const std::string& path) const {
    for (const std::string& layer : layers_) {
      UniqueFd root = open_root(layer);
      if (!root) continue;
      UniqueFd found = open_below(root.get(), path, O_PATH);
      struct stat info;
      if (found && ::fstat(found.get(), &info) == 0) return !is_whiteout(info);
      if (hides(root.get(), path)) return false;
    }
    return false;
  }

  // The names in a directory of the merged layers.
  std::set<std::string> names(const std::string& path) const {
    std::set<std::string> present, seen;
    for (const std::string& layer : layers_) {
      UniqueFd root = open_root(layer);
      if (!root) continue;
      UniqueFd directory = open_below(root.get(), path, O_RDONLY | O_DIRECTORY);
      if (directory) {
        (void)each_entry(directory.get(), path, [&](const char* name) -> Status {
          struct stat info;
          if (::fstatat(directory.get(), name, &info, AT_SYMLINK_NOFOLLOW) == 0 && seen.insert(name).second &&
              !is_whiteout(info))
            present.insert(name);
          return {};
        });
      }
      if (hides(root.get(), path) || (!directory && open_below(root.get(), path, O_PATH))) break;
    }
    return present;
  }

 private:
  static UniqueFd open_root(const std::string& layer) {
    return UniqueFd(::open(layer.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  // True if this layer hides `path` in those below: something on the way is opaque, a
  // whiteout or no directory.
  static bool hides(int root, const std::string& path) {
    for (size_t end = 0; end != path.npos;) {
      end = path.find('/', end + 1);
      std::string part = path.substr(0, end);
      UniqueFd entry = open_below(root, part, O_PATH);
      if (!entry) return false;
      struct stat info;
      if (::fstat(entry.get(), &info) != 0) return false;
      if (!S_ISDIR(info.st_mode)) return true;
      UniqueFd directory = open_below(root, part, O_RDONLY | O_DIRECTORY);
      if (directory && is_opaque(directory.get())) return true;
    }
    return false;
  }

  const std::vector<std::string>& layers_;
};

}  // namespace

Expected<Usage> usage_of(const std::string& upper) {
  Usage usage;
  UniqueFd root(::open(upper.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!root) {
    if (errno == ENOENT) return usage;
    return fail_errno("cannot open the container's storage", upper);
  }
  std::set<std::pair<dev_t, ino_t>> linked;
  Status walked =
      walk(root.get(), [&](int, const char*, const std::string&, const struct stat& info) -> Status {
        if (!S_ISDIR(info.st_mode) && info.st_nlink > 1 && !linked.emplace(info.st_dev, info.st_ino).second)
          return {};
        ++usage.inodes;
        if (S_ISREG(info.st_mode)) usage.size += static_cast<uint64_t>(info.st_size);
        return {};
      });
  if (!walked) return std::unexpected(walked.error());
  return usage;
}

Expected<std::map<std::string, char>> changes_of(const std::string& upper,
                                                 const std::vector<std::string>& lower) {
  std::map<std::string, char> changes;
  UniqueFd root(::open(upper.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!root) {
    if (errno == ENOENT) return changes;
    return fail_errno("cannot open the container's storage", upper);
  }
  LowerView below(lower);
  Status walked =
      walk(root.get(),
           [&](int parent, const char* name, const std::string& path, const struct stat& info) -> Status {
             if (is_whiteout(info)) {
               // The kernel also leaves whiteouts of what no layer has any more.
               if (below.exists(path)) changes["/" + path] = 'D';
               return {};
             }
             changes["/" + path] = below.exists(path) ? 'C' : 'A';
             if (!S_ISDIR(info.st_mode)) return {};
             UniqueFd directory(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
             if (!directory || !is_opaque(directory.get())) return {};
             for (const std::string& hidden : below.names(path)) {
               struct stat own;
               if (::fstatat(directory.get(), hidden.c_str(), &own, AT_SYMLINK_NOFOLLOW) != 0)
                 changes["/" + path + "/" + hidden] = 'D';
             }
             return {};
           });
  if (!walked) return std::unexpected(walked.error());
  return changes;
}

}  // namespace rcrt::overlay
