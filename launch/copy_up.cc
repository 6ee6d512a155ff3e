// SPDX-License-Identifier: MIT
// tmpcopyup: a new tmpfs begins with what its mount point held.
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include "launch/child.h"

namespace rcrt::launch {
namespace {

constexpr int kMaxDepth = 64;

struct Entry {  // struct linux_dirent64
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

unsigned device_of(const struct statx& status) {
  unsigned major = status.stx_rdev_major, minor = status.stx_rdev_minor;
  return (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);
}

long set_owner_and_mode(int dir, const char* name, const struct statx& status) {
  long error = sys::fchownat(dir, name, status.stx_uid, status.stx_gid, AT_SYMLINK_NOFOLLOW);
  if (error < 0 || (status.stx_mode & S_IFMT) == S_IFLNK) return error;
  return sys::call(SYS_fchmodat, dir, sys::arg(name), status.stx_mode & 07777);
}

long copy_file(int from_dir, int to_dir, const char* name, const struct statx& status) {
  int from = sys::openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (from < 0) return from;
  int to = sys::openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  long error = to < 0 ? to : 0;
  for (uint64_t left = status.stx_size; error >= 0 && left > 0;) {
    long sent = sys::call(SYS_sendfile, to, from, 0, static_cast<long>(left));
    if (sent < 0) error = sent;
    if (sent <= 0) break;
    left -= static_cast<uint64_t>(sent);
  }
  sys::close(from);
  if (to >= 0) sys::close(to);
  return error;
}

long copy_tree(int from, int to, int depth);

long copy_entry(int from, int to, const char* name, int depth) {
  struct statx status;
  long error = sys::statx(from, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status);
  if (error < 0) return error;
  switch (status.stx_mode & S_IFMT) {
    case S_IFREG:
      error = copy_file(from, to, name, status);
      break;
    case S_IFLNK: {
      char link[PATH_MAX];
      long length = sys::readlinkat(from, name, link, sizeof link - 1);
      if (length < 0) return length;
      link[length] = '\0';
      error = sys::symlinkat(link, to, name);
      break;
    }
    case S_IFDIR: {
      error = sys::mkdirat(to, name, 0700);
      if (error < 0) return error;
      int below = sys::openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      int into = sys::openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      error = below < 0 ? below : into < 0 ? into : copy_tree(below, into, depth + 1);
      if (below >= 0) sys::close(below);
      if (into >= 0) sys::close(into);
      break;
    }
    default:
      error = sys::mknodat(to, name, status.stx_mode & (S_IFMT | 07777), device_of(status));
  }
  return error < 0 ? error : set_owner_and_mode(to, name, status);
}

long copy_tree(int from, int to, int depth) {
  if (depth > kMaxDepth) return -ELOOP;
  alignas(8) char buffer[2048];
  for (;;) {
    long got = sys::call(SYS_getdents64, from, sys::arg(buffer), sizeof buffer);
    if (got <= 0) return got;
    for (long at = 0; at < got;) {
      auto* entry = reinterpret_cast<Entry*>(buffer + at);
      at += entry->length;
      const char* name = entry->name;
      if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))) continue;
      if (long error = copy_entry(from, to, name, depth); error < 0) return error;
    }
  }
}

}  // namespace

long copy_up(int from, int to) {
  int source = sys::openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (source < 0) return source;
  long error = copy_tree(source, to, 0);
  sys::close(source);
  return error;
}

}  // namespace rcrt::launch
