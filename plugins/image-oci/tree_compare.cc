// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "plugins/image-oci/files.h"
#include "plugins/image-oci/verify.h"

namespace rcrt::image_oci {
namespace {

class Comparison {
 public:
  // Returns the first difference, as "what /path".
  Result<std::string> directories(int one, int other, const std::string& path) {
    RCRT_ASSIGN(std::string difference, xattrs(one, other, path));
    if (!difference.empty()) return difference;
    RCRT_ASSIGN(auto names, names_in(one));
    RCRT_ASSIGN(auto others, names_in(other));
    std::ranges::sort(names);
    std::ranges::sort(others);
    if (names != others) {
      const auto [a, b] = std::ranges::mismatch(names, others);
      if (b == others.end() || (a != names.end() && *a < *b)) return "missing " + path + "/" + *a;
      return "too much " + path + "/" + *b;
    }
    for (const std::string& name : names) {
      RCRT_ASSIGN(difference, entries(one, other, name, path + "/" + name));
      if (!difference.empty()) return difference;
    }
    return "";
  }

  static std::string differs(const struct stat& a, const struct stat& b) {
    if (a.st_mode != b.st_mode) return "mode of ";
    if (a.st_uid != b.st_uid || a.st_gid != b.st_gid) return "owner of ";
    if (a.st_rdev != b.st_rdev) return "device number of ";
    if (!S_ISDIR(a.st_mode) && a.st_size != b.st_size) return "size of ";
    if (S_ISCHR(a.st_mode) && a.st_rdev == 0) return "";  // a whiteout: it has the time it was made
    if (a.st_mtim.tv_sec != b.st_mtim.tv_sec || a.st_mtim.tv_nsec != b.st_mtim.tv_nsec) return "time of ";
    return "";
  }

 private:
  Result<std::string> entries(int one, int other, const std::string& name, const std::string& path) {
    struct stat a{}, b{};
    if (fstatat(one, name.c_str(), &a, AT_SYMLINK_NOFOLLOW) != 0 ||
        fstatat(other, name.c_str(), &b, AT_SYMLINK_NOFOLLOW) != 0)
      return errno_error("cannot stat", path);
    if (std::string difference = differs(a, b); !difference.empty()) return difference + path;
    if (!S_ISDIR(a.st_mode) && a.st_nlink != b.st_nlink) return "links of " + path;
    // The same names must be the same file on both sides.
    if (!S_ISDIR(a.st_mode) && a.st_nlink > 1) {
      const auto [it, is_new] = links_.emplace(a.st_ino, b.st_ino);
      if (it->second != b.st_ino) return "links of " + path;
      if (!is_new) return "";
    }
    if (S_ISLNK(a.st_mode)) return link_texts(one, other, name, path);
    if (!S_ISDIR(a.st_mode) && !S_ISREG(a.st_mode)) return "";
    const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (S_ISDIR(a.st_mode) ? O_DIRECTORY : 0);
    UniqueFd mine(openat(one, name.c_str(), flags)), theirs(openat(other, name.c_str(), flags));
    if (!mine || !theirs) return errno_error("cannot open", path);
    if (S_ISDIR(a.st_mode)) return directories(mine.get(), theirs.get(), path);
    RCRT_ASSIGN(std::string difference, xattrs(mine.get(), theirs.get(), path));
    if (!difference.empty()) return difference;
    return contents(mine.get(), theirs.get(), path);
  }

  static Result<std::string> link_texts(int one, int other, const std::string& name,
                                        const std::string& path) {
    char a[PATH_MAX], b[PATH_MAX];
    const ssize_t size = readlinkat(one, name.c_str(), a, sizeof a);
    const ssize_t other_size = readlinkat(other, name.c_str(), b, sizeof b);
    if (size < 0 || other_size < 0) return errno_error("cannot read link", path);
    return size == other_size && std::memcmp(a, b, static_cast<size_t>(size)) == 0 ? "" : "target of " + path;
  }

  Result<std::string> contents(int one, int other, const std::string& path) {
    while (true) {
      RCRT_ASSIGN(const size_t size, read_full(one, a_.data(), a_.size()));
      RCRT_ASSIGN(const size_t other_size, read_full(other, b_.data(), b_.size()));
      if (size != other_size || std::memcmp(a_.data(), b_.data(), size) != 0) return "content of " + path;
      if (size == 0) return "";
    }
  }

  // What an unpacked layer may have: see archive_reader.cc, and overlayfs's mark.
  static Result<std::map<std::string, std::string>> xattrs_of(int fd, const std::string& path) {
    std::map<std::string, std::string> found;
    char names[64 << 10], value[64 << 10];
    const ssize_t size = flistxattr(fd, names, sizeof names);
    if (size < 0 && errno == ENOTSUP) return found;
    if (size < 0) return errno_error("cannot list extended attributes of", path);
    for (const char* name = names; name < names + size; name += std::strlen(name) + 1) {
      const std::string_view n = name;
      if (n != "security.capability" && n != "trusted.overlay.opaque" && !n.starts_with("user.")) continue;
      const ssize_t length = fgetxattr(fd, name, value, sizeof value);
      if (length < 0) return errno_error("cannot read extended attribute of", path);
      found.emplace(n, std::string(value, static_cast<size_t>(length)));
    }
    return found;
  }

  static Result<std::string> xattrs(int one, int other, const std::string& path) {
    RCRT_ASSIGN(const auto mine, xattrs_of(one, path));
    RCRT_ASSIGN(const auto theirs, xattrs_of(other, path));
    return mine == theirs ? "" : "extended attributes of " + (path.empty() ? "/" : path);
  }

  std::map<ino_t, ino_t> links_;
  std::vector<char> a_ = std::vector<char>(256 << 10), b_ = a_;
};

}  // namespace

Result<std::string> compare_trees(int one, int other) {
  struct stat a{}, b{};
  if (fstat(one, &a) != 0 || fstat(other, &b) != 0) return errno_error("cannot stat a layer");
  if (std::string difference = Comparison::differs(a, b); !difference.empty()) return difference + "/";
  return Comparison().directories(one, other, "");
}

}  // namespace rcrt::image_oci
