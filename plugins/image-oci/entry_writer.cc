// SPDX-License-Identifier: MIT
#include "plugins/image-oci/entry_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "base/tree.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/purge.h"

namespace rcrt::image_oci {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kAufsInternal = ".wh..wh.";

bool is_overlay_whiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == 0; }

Result<void> set_opaque(int dir) {
  if (fsetxattr(dir, "trusted.overlay.opaque", "y", 1, 0) != 0)
    return errno_error("cannot mark directory as opaque");
  return {};
}

Result<void> set_xattrs(int fd, const Entry& entry) {
  for (const auto& [name, value] : entry.xattrs)
    if (fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0)
      return errno_error("cannot set extended attribute " + name + " of", entry.path);
  return {};
}

Result<UniqueFd> open_directory(int parent, const std::string& name) {
  UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return errno_error("cannot open directory", name);
  return fd;
}

void split(const std::string& path, std::string& parent, std::string& name) {
  const size_t slash = path.rfind('/');
  parent = slash == path.npos ? "" : path.substr(0, slash);
  name = slash == path.npos ? path : path.substr(slash + 1);
}

}  // namespace

EntryWriter::EntryWriter(int root, Whiteouts whiteouts, const Limits& limits)
    : root_(root), whiteouts_(whiteouts), limits_(limits) {}

// The directory at `path` below root, made with those above it when missing.
Result<UniqueFd> EntryWriter::open_or_make(const std::string& path) {
  constexpr uint64_t kFlags = O_RDONLY | O_DIRECTORY;
  auto fd = open_in_root(root_, path, kFlags);
  if (fd || fd.error().code != ENOENT || path.empty()) return fd;
  std::string above, name;
  split(path, above, name);
  RCRT_ASSIGN(UniqueFd parent, open_or_make(above));
  RCRT_TRY(keep_time(parent.get(), above));
  if (mkdirat(parent.get(), name.c_str(), 0755) == 0) {
    RCRT_ASSIGN(UniqueFd made, open_directory(parent.get(), name));
    if (fchmod(made.get(), 0755) != 0) return errno_error("cannot set the mode of", path);
    RCRT_TRY(note_directory(path, timespec{}));
    return made;
  }
  if (errno != EEXIST) return errno_error("cannot make directory", path);
  return open_in_root(root_, path, kFlags);
}

// What an archive says nothing of is the same each time: the time a directory has from the layers
// below, or none.
Result<void> EntryWriter::keep_time(int fd, const std::string& path) {
  if (times_.contains(path)) return {};
  struct stat info{};
  if (whiteouts_ == Whiteouts::kApply && fstat(fd, &info) != 0) return errno_error("cannot stat");
  return note_directory(path, info.st_mtim);
}

Result<void> EntryWriter::note_directory(const std::string& path, timespec time) {
  if (!times_.contains(path)) directory_bytes_ += path.size() + 128;
  if (directory_bytes_ > limits_.directory_bytes)
    return error("too many directories in the archive", {}, "raise the limit directory_bytes", EFBIG);
  times_[path] = time;
  return {};
}

Result<int> EntryWriter::parent_of(const std::string& path) {
  if (parent_ && !parent_stale_ && parent_path_ == path) return parent_.get();
  parent_.reset();
  RCRT_ASSIGN(parent_, open_or_make(path));
  RCRT_TRY(keep_time(parent_.get(), path));
  parent_path_ = path;
  parent_stale_ = false;
  return parent_.get();
}

void EntryWriter::touched(int parent, const std::string& name) {
  struct stat info{};
  if (whiteouts_ == Whiteouts::kApply && fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
    touched_.insert(info.st_ino);
}

Result<void> EntryWriter::write(const Entry& entry, ArchiveReader& reader) {
  auto written = [&]() -> Result<void> {
    if (entry.path.empty()) {
      if (entry.type != S_IFDIR) return error("the archive's root is not a directory", {}, {}, EBADMSG);
      return set_directory(root_, entry);
    }
    std::string above, name;
    split(entry.path, above, name);
    RCRT_ASSIGN(const int parent, parent_of(above));
    if (name.starts_with(kWhiteout)) return whiteout(parent, name);
    return write_in(parent, name, entry, reader);
  }();
  if (!written) return in_context(written.error(), "cannot unpack", "/" + entry.path);
  return {};
}

Result<void> EntryWriter::write_in(int parent, const std::string& name, const Entry& entry,
                                   ArchiveReader& reader) {
  struct stat info{};
  bool over_whiteout = false;
  if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    over_whiteout = whiteouts_ == Whiteouts::kOverlay && is_overlay_whiteout(info);
    if (entry.type == 0) {  // a hard link to itself
      auto target = open_in_root(root_, entry.target, O_PATH | O_NOFOLLOW);
      struct stat linked{};
      if (target && fstat(target->get(), &linked) == 0 && linked.st_ino == info.st_ino &&
          linked.st_dev == info.st_dev)
        return {};
    }
    if (!S_ISDIR(info.st_mode) || entry.type != S_IFDIR) {
      RCRT_TRY(remove_tree(parent, name.c_str()));
      if (S_ISDIR(info.st_mode) || S_ISLNK(info.st_mode)) parent_stale_ = true;
    }
  } else if (errno != ENOENT) {
    return errno_error("cannot stat");
  }
  switch (entry.type) {
    case 0:
      RCRT_TRY(write_hard_link(parent, name, entry));
      break;
    case S_IFREG:
      RCRT_TRY(write_file(parent, name, entry, reader));
      break;
    case S_IFDIR:
      RCRT_TRY(write_directory(parent, name, entry, over_whiteout));
      break;
    case S_IFLNK:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
      RCRT_TRY(write_special(parent, name, entry));
      break;
    case S_IFSOCK:
      return {};  // nobody listens
    default:
      return error("unknown kind of entry", {}, {}, EBADMSG);
  }
  touched(parent, name);
  return {};
}

Result<void> EntryWriter::write_file(int parent, const std::string& name, const Entry& entry,
                                     ArchiveReader& reader) {
  UniqueFd fd(openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return errno_error("cannot create");
  uint64_t end = 0;
  const void* data = nullptr;
  size_t size = 0;
  uint64_t offset = 0;
  while (true) {
    RCRT_ASSIGN(const bool more, reader.data(&data, &size, &offset));
    if (!more) break;
    const char* from = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t n = pwrite(fd.get(), from, size, static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno_error("cannot write");
      from += n;
      size -= static_cast<size_t>(n);
      offset += static_cast<uint64_t>(n);
    }
    end = std::max(end, offset);
  }
  if (end < entry.size && ftruncate(fd.get(), static_cast<off_t>(entry.size)) != 0)
    return errno_error("cannot extend");
  if (fchown(fd.get(), entry.uid, entry.gid) != 0) return errno_error("cannot set the owner");
  if (fchmod(fd.get(), entry.mode) != 0) return errno_error("cannot set the mode");
  RCRT_TRY(set_xattrs(fd.get(), entry));
  const timespec times[2] = {entry.mtime, entry.mtime};
  if (futimens(fd.get(), times) != 0) return errno_error("cannot set the times");
  return {};
}

Result<void> EntryWriter::set_directory(int fd, const Entry& entry) {
  if (fchown(fd, entry.uid, entry.gid) != 0) return errno_error("cannot set the owner");
  if (fchmod(fd, entry.mode) != 0) return errno_error("cannot set the mode");
  RCRT_TRY(set_xattrs(fd, entry));
  return note_directory(entry.path, entry.mtime);
}

Result<void> EntryWriter::write_directory(int parent, const std::string& name, const Entry& entry,
                                          bool opaque) {
  if (mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST)
    return errno_error("cannot make directory");
  RCRT_ASSIGN(UniqueFd fd, open_directory(parent, name));
  if (opaque) RCRT_TRY(set_opaque(fd.get()));
  return set_directory(fd.get(), entry);
}

Result<void> EntryWriter::write_hard_link(int parent, const std::string& name, const Entry& entry) {
  std::string above, target;
  split(entry.target, above, target);
  if (target.empty()) return error("hard link to the root", {}, {}, EBADMSG);
  auto folder = open_in_root(root_, above, O_RDONLY | O_DIRECTORY);
  if (!folder || linkat(folder->get(), target.c_str(), parent, name.c_str(), 0) != 0)
    return errno_error("cannot make hard link to", "/" + entry.target);
  return {};
}

Result<void> EntryWriter::write_special(int parent, const std::string& name, const Entry& entry) {
  if (entry.type == S_IFLNK) {
    if (symlinkat(entry.target.c_str(), parent, name.c_str()) != 0)
      return errno_error("cannot make symbolic link");
  } else if (mknodat(parent, name.c_str(), entry.type | 0600, entry.device) != 0) {
    return errno_error("cannot make device node or pipe");
  }
  if (fchownat(parent, name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0)
    return errno_error("cannot set the owner");
  // Not a link: it was made just now in a directory nobody else reaches.
  if (entry.type != S_IFLNK && fchmodat(parent, name.c_str(), entry.mode, 0) != 0)
    return errno_error("cannot set the mode");
  const timespec times[2] = {entry.mtime, entry.mtime};
  if (utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    return errno_error("cannot set the times");
  return {};
}

Result<void> EntryWriter::whiteout(int parent, const std::string& entry_name) {
  if (entry_name == kOpaque) {
    if (whiteouts_ == Whiteouts::kOverlay) return set_opaque(parent);
    RCRT_TRY(purge_children(parent, touched_));
    return {};
  }
  if (entry_name.starts_with(kAufsInternal)) return {};
  const std::string name = entry_name.substr(kWhiteout.size());
  if (name.empty() || name == "." || name == "..")
    return error("malformed whiteout in the archive", entry_name, {}, EBADMSG);
  parent_stale_ = true;
  if (whiteouts_ == Whiteouts::kApply) {
    RCRT_TRY(purge(parent, name, touched_));
    return {};
  }
  // What this layer itself holds under the name hides the lower one already; a directory
  // would be merged with it.
  struct stat info{};
  if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISDIR(info.st_mode)) return {};
    RCRT_ASSIGN(UniqueFd fd, open_directory(parent, name));
    return set_opaque(fd.get());
  }
  if (mknodat(parent, name.c_str(), S_IFCHR, makedev(0, 0)) != 0) return errno_error("cannot make whiteout");
  return {};
}

Result<void> EntryWriter::finish() {
  for (const auto& [path, time] : times_) {
    auto fd = open_in_root(root_, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!fd) continue;  // replaced by a later entry
    const timespec times[2] = {time, time};
    if (futimens(fd->get(), times) != 0) return errno_error("cannot set the times of", "/" + path);
  }
  return {};
}

}  // namespace rcrt::image_oci
