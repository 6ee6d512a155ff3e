// SPDX-License-Identifier: MIT
#include "entry_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/tree.h"
#include "files.h"

namespace rcrt::oci {
namespace {

constexpr const char* kRefused = "the archive is damaged or malicious";

// Without "/" in front, "." and empty parts. An Error for "..".
Result<std::string> clean_path(const char* text, const Limits& limits) {
  if (!text) return error("an entry of the archive has no name", {}, kRefused);
  std::string_view rest = text;
  if (rest.size() > limits.name_length)
    return error("a name in the archive is too long", rest.substr(0, 80), kRefused);
  std::string path;
  while (!rest.empty()) {
    size_t slash = rest.find('/');
    std::string_view part = rest.substr(0, slash);
    rest = slash == rest.npos ? "" : rest.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") return error("a name in the archive leads out of it", text, kRefused);
    if (!path.empty()) path += '/';
    path += part;
  }
  return path;
}

timespec modified(archive_entry* entry) {
  if (!archive_entry_mtime_is_set(entry)) return {0, 0};
  return {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
}

}  // namespace

Result<void> EntryWriter::count(uint64_t bytes) {
  if (bytes > limits_.size || size_ > limits_.size - bytes)
    return error("the archive unpacks to more than the limits allow", {}, "raise the limit if you trust it",
                 EFBIG);
  size_ += bytes;
  return {};
}

// Makes parent_ the directory `path`, and creates what is missing of it. Symbolic links
// on the way are followed inside the root, as a container would.
Result<void> EntryWriter::open_parent(const std::string& path) {
  if (parent_ && parent_path_ == path) return {};
  parent_ = open_in_root(root_, path, O_RDONLY | O_DIRECTORY);
  for (size_t end = 0; !parent_ && errno == ENOENT && end != path.npos;) {
    end = path.find('/', end + 1);
    std::string prefix = path.substr(0, end);
    if (open_in_root(root_, prefix, O_PATH | O_DIRECTORY)) continue;
    size_t slash = prefix.rfind('/');
    UniqueFd above =
        open_in_root(root_, slash == prefix.npos ? "" : prefix.substr(0, slash), O_PATH | O_DIRECTORY);
    if (!above || ::mkdirat(above.get(), prefix.c_str() + (slash == prefix.npos ? 0 : slash + 1), 0755) != 0)
      return errno_error("cannot create a directory of the archive", prefix);
    if (end == path.npos) parent_ = open_in_root(root_, path, O_RDONLY | O_DIRECTORY);
    errno = ENOENT;
  }
  if (!parent_) {
    parent_ = open_in_root(root_, path, O_RDONLY | O_DIRECTORY);
    if (!parent_) return errno_error("cannot open a directory of the archive", path);
  }
  parent_path_ = path;
  return {};
}

// Removes what has this name. A later entry of an archive replaces an earlier one.
Result<void> EntryWriter::clear(const std::string& name, bool* was_whiteout) {
  struct stat info;
  if (::fstatat(parent_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Result<void>() : errno_error("cannot examine", name);
  if (was_whiteout) *was_whiteout = is_whiteout(info);
  // A directory that is kept open may be among what goes.
  UniqueFd parent = std::move(parent_);
  std::string path = std::move(parent_path_);
  RCRT_TRY(remove_tree(parent.get(), name.c_str()));
  parent_ = std::move(parent);
  parent_path_ = std::move(path);
  return {};
}

Result<void> EntryWriter::write(archive_entry* entry, ArchiveReader& data) {
  if (++entries_ > limits_.entries)
    return error("the archive has more entries than the limit", std::to_string(limits_.entries),
                 "raise the limit if you trust it");
  RCRT_ASSIGN(std::string path, clean_path(archive_entry_pathname(entry), limits_));
  if (path.empty()) {
    if (archive_entry_filetype(entry) != AE_IFDIR)
      return error("the archive's root is no directory", {}, kRefused);
    directories_.push_back({"", modified(entry)});
    return attributes(entry, root_);
  }
  size_t slash = path.rfind('/');
  std::string name = slash == path.npos ? path : path.substr(slash + 1);
  RCRT_TRY(open_parent(slash == path.npos ? "" : path.substr(0, slash)));
  auto said = [&](Result<void> outcome) -> Result<void> {
    if (!outcome) return wrap(outcome.error(), "cannot unpack", path);
    return {};
  };
  if (name.starts_with(".wh.")) return said(whiteout(name.substr(4)));
  if (archive_entry_hardlink(entry)) return said(link(entry, name));
  switch (archive_entry_filetype(entry)) {
    case AE_IFDIR:
      return said(directory(entry, path, name));
    case AE_IFREG:
      return said(file(entry, name, data));
    default:
      return said(special(entry, name));
  }
}

Result<void> EntryWriter::whiteout(const std::string& name) {
  if (name == ".wh..opq") {
    if (::fsetxattr(parent_.get(), kOpaque, "y", 1, 0) != 0)
      return errno_error("cannot mark a directory as opaque");
    return {};
  }
  if (name.starts_with(".wh.")) return {};  // aufs' own files
  if (name.empty() || name == "." || name == "..") return error("a whiteout of nothing", {}, kRefused);
  struct stat info;
  if (::fstatat(parent_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    // What this very layer brings stays; only what is below it is hidden.
    if (!S_ISDIR(info.st_mode)) return {};
    UniqueFd own = open_no_links(parent_.get(), name, O_RDONLY | O_DIRECTORY);
    if (!own || ::fsetxattr(own.get(), kOpaque, "y", 1, 0) != 0)
      return errno_error("cannot mark a directory as opaque");
    return {};
  }
  if (::mknodat(parent_.get(), name.c_str(), S_IFCHR, makedev(0, 0)) != 0)
    return errno_error("cannot create a whiteout");
  return {};
}

Result<void> EntryWriter::directory(archive_entry* entry, const std::string& path, const std::string& name) {
  struct stat info;
  bool there =
      ::fstatat(parent_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
  bool was_whiteout = false;
  if (!there) {
    RCRT_TRY(clear(name, &was_whiteout));
    if (::mkdirat(parent_.get(), name.c_str(), 0700) != 0) return errno_error("cannot create a directory");
  }
  UniqueFd fd = open_no_links(parent_.get(), name, O_RDONLY | O_DIRECTORY);
  if (!fd) return errno_error("cannot open a directory");
  if (was_whiteout && ::fsetxattr(fd.get(), kOpaque, "y", 1, 0) != 0)
    return errno_error("cannot mark a directory as opaque");
  directories_.push_back({path, modified(entry)});
  return attributes(entry, fd.get());
}

Result<void> EntryWriter::file(archive_entry* entry, const std::string& name, ArchiveReader& data) {
  int64_t size = archive_entry_size(entry);
  if (size < 0) return error("negative size", {}, kRefused);
  RCRT_TRY(count(static_cast<uint64_t>(size)));
  RCRT_TRY(clear(name, nullptr));
  UniqueFd fd(
      ::openat(parent_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return errno_error("cannot create a file");
  const void* bytes;
  size_t length;
  int64_t offset;
  for (;;) {
    RCRT_ASSIGN(bool more, data.data(&bytes, &length, &offset));
    if (!more) break;
    if (offset < 0 || offset > size || static_cast<uint64_t>(size - offset) < length)
      return error("data beyond the end of the file", {}, kRefused);
    for (size_t done = 0; done < length;) {
      ssize_t wrote = ::pwrite(fd.get(), static_cast<const char*>(bytes) + done, length - done,
                               offset + static_cast<int64_t>(done));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return errno_error("cannot write", {}, errno == ENOSPC ? "make room on the disk" : "");
      done += static_cast<size_t>(wrote);
    }
  }
  if (::ftruncate(fd.get(), size) != 0) return errno_error("cannot set the size of a file");
  RCRT_TRY(attributes(entry, fd.get()));
  timespec times[2] = {modified(entry), modified(entry)};
  if (::futimens(fd.get(), times) != 0) return errno_error("cannot set the times of a file");
  return {};
}

Result<void> EntryWriter::link(archive_entry* entry, const std::string& name) {
  RCRT_ASSIGN(std::string target, clean_path(archive_entry_hardlink(entry), limits_));
  size_t slash = target.rfind('/');
  UniqueFd from =
      open_in_root(root_, slash == target.npos ? "" : target.substr(0, slash), O_PATH | O_DIRECTORY);
  std::string last = slash == target.npos ? target : target.substr(slash + 1);
  struct stat info, own;
  if (target.empty() || !from || ::fstatat(from.get(), last.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return error("a hard link to what is not in the archive", target, kRefused, ENOENT);
  if (::fstatat(parent_.get(), name.c_str(), &own, AT_SYMLINK_NOFOLLOW) == 0 && own.st_dev == info.st_dev &&
      own.st_ino == info.st_ino)
    return {};
  RCRT_TRY(clear(name, nullptr));
  if (::linkat(from.get(), last.c_str(), parent_.get(), name.c_str(), 0) != 0)
    return errno_error("cannot create a hard link to", target);
  return {};
}

Result<void> EntryWriter::special(archive_entry* entry, const std::string& name) {
  RCRT_TRY(clear(name, nullptr));
  mode_t type = archive_entry_filetype(entry);
  mode_t mode = archive_entry_perm(entry) & 07777;
  const char* at = name.c_str();
  if (type == AE_IFLNK) {
    const char* target = archive_entry_symlink(entry);
    if (!target || *target == '\0' || std::string_view(target).size() > limits_.name_length)
      return error("a symbolic link without a sensible target", {}, kRefused);
    if (::symlinkat(target, parent_.get(), at) != 0) return errno_error("cannot create a symbolic link");
  } else if (type == AE_IFIFO) {
    if (::mkfifoat(parent_.get(), at, 0600) != 0) return errno_error("cannot create a FIFO");
  } else if (type == AE_IFCHR || type == AE_IFBLK) {
    dev_t device = makedev(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry));
    if (type == AE_IFCHR && device == makedev(0, 0))
      return error("a device 0:0, which would hide a file of another layer", {}, kRefused);
    if (::mknodat(parent_.get(), at, (type == AE_IFCHR ? S_IFCHR : S_IFBLK) | 0600, device) != 0)
      return errno_error("cannot create a device", {}, errno == EPERM ? "run as root" : "");
  } else {
    return error("an entry of unknown type", {}, kRefused);
  }
  auto uid = static_cast<uid_t>(archive_entry_uid(entry));
  auto gid = static_cast<gid_t>(archive_entry_gid(entry));
  if (::fchownat(parent_.get(), at, uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
    return errno_error("cannot set the owner");
  if (type != AE_IFLNK && ::fchmodat(parent_.get(), at, mode, 0) != 0)
    return errno_error("cannot set the mode");
  timespec times[2] = {modified(entry), modified(entry)};
  if (::utimensat(parent_.get(), at, times, AT_SYMLINK_NOFOLLOW) != 0)
    return errno_error("cannot set the times");
  return {};
}

Result<void> EntryWriter::attributes(archive_entry* entry, int fd) {
  int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
  if (uid < 0 || gid < 0 || uid > 0xfffffffeLL || gid > 0xfffffffeLL)
    return error("no sensible owner", {}, kRefused);
  if (::fchown(fd, static_cast<uid_t>(uid), static_cast<gid_t>(gid)) != 0)
    return errno_error("cannot set the owner");
  // After the owner: changing that clears setuid and setgid, and capabilities.
  if (::fchmod(fd, archive_entry_perm(entry) & 07777) != 0) return errno_error("cannot set the mode");
  uint64_t bytes = 0;
  archive_entry_xattr_reset(entry);
  const char* name;
  const void* value;
  size_t size;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    if (!name || !keeps_xattr(name)) continue;
    bytes += std::string_view(name).size() + size;
    if (bytes > limits_.xattrs) return error("more extended attributes than the limit", name, kRefused);
    if (::fsetxattr(fd, name, value, size, 0) != 0)
      return errno_error("cannot set the extended attribute", name);
  }
  return {};
}

Result<void> EntryWriter::finish() {
  parent_.reset();
  for (auto it = directories_.rbegin(); it != directories_.rend(); ++it) {
    UniqueFd fd = open_in_root(root_, it->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!fd) continue;  // replaced by a later entry
    timespec times[2] = {it->modified, it->modified};
    if (::futimens(fd.get(), times) != 0) return errno_error("cannot set the times of", it->path);
  }
  directories_.clear();
  return {};
}

}  // namespace rcrt::oci
