// SPDX-License-Identifier: MIT
#include "launch/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "launch/sys.h"

namespace rcrt::launch {
namespace {

constexpr int kMaxLinks = 40;

bool is_dots(const char* name, size_t length) {
  return (length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.');
}

// `path` was to be created, but what stands at `name` is a dangling link: puts the path
// it means (prefix/link/rest, or link/rest when absolute) into `path`.
long follow_dangling(int parent, const char* name, char* path, size_t prefix, const char* rest) {
  char link[PATH_MAX], joined[PATH_MAX];
  long length = sys::readlinkat(parent, name, link, sizeof link);
  if (length < 0) return length == -EINVAL ? -ENOTDIR : length;
  size_t out = 0;
  if (link[0] != '/') {
    memcpy(joined, path, prefix);
    out = prefix;
  }
  size_t tail = strlen(rest);
  if (out + length + tail + 2 > sizeof joined) return -ENAMETOOLONG;
  memcpy(joined + out, link, length);
  out += length;
  if (tail > 0) joined[out++] = '/';
  memcpy(joined + out, rest, tail + 1);
  memcpy(path, joined, out + tail + 1);
  return 0;
}

}  // namespace

int open_in_root(int root, const char* path, uint64_t flags, uint64_t resolve) {
  if (path[0] == '\0') path = ".";
  int fd = -EAGAIN;
  // EAGAIN: something was renamed while the kernel walked a "..".
  for (int attempt = 0; fd == -EAGAIN && attempt < 32; ++attempt)
    fd = sys::openat2(root, path, flags | O_CLOEXEC, resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  return fd;
}

int open_or_create(int root, const char* path, bool as_file, uint64_t resolve, bool* existed) {
  int fd = open_in_root(root, path, O_PATH, resolve);
  if (existed != nullptr) *existed = fd >= 0;
  if (fd != -ENOENT) return fd;

  char buffer[PATH_MAX];
  size_t size = strlen(path);
  if (size >= sizeof buffer) return -ENAMETOOLONG;
  memcpy(buffer, path, size + 1);

  int links = 0;
  size_t at = 0;  // start of the component being made
  while (buffer[at] == '/') ++at;
  while (buffer[at] != '\0') {
    size_t end = at;
    while (buffer[end] != '\0' && buffer[end] != '/') ++end;
    size_t next = end;
    while (buffer[next] == '/') ++next;
    const bool last = buffer[next] == '\0';
    if (!is_dots(buffer + at, end - at)) {
      char name[NAME_MAX + 1], saved = buffer[end], before = buffer[at];
      if (end - at > NAME_MAX) return -ENAMETOOLONG;
      memcpy(name, buffer + at, end - at);
      name[end - at] = '\0';
      buffer[at] = '\0';
      int parent = open_in_root(root, buffer, O_PATH | O_DIRECTORY, resolve);
      buffer[at] = before;
      if (parent < 0) return parent;
      buffer[end] = '\0';
      int here = open_in_root(root, buffer, O_PATH, resolve);
      long error = 0;
      if (here >= 0) {
        sys::close(here);
      } else if (here != -ENOENT) {
        error = here;
      } else if (last && as_file) {
        int made = sys::openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (made >= 0) sys::close(made);
        error = made < 0 ? made : 0;
      } else {
        error = sys::mkdirat(parent, name, 0755);
      }
      buffer[end] = saved;
      if (error == -EEXIST && (resolve & RESOLVE_NO_SYMLINKS) == 0 && ++links <= kMaxLinks) {
        error = follow_dangling(parent, name, buffer, at, buffer + next);
        sys::close(parent);
        if (error < 0) return static_cast<int>(error);
        at = 0;
        while (buffer[at] == '/') ++at;
        continue;
      }
      sys::close(parent);
      if (error < 0) return static_cast<int>(error);
    }
    at = next;
  }
  return open_in_root(root, buffer, O_PATH, resolve);
}

int open_parent(int root, const char* path, const char** name) {
  size_t slash = strlen(path);
  while (slash > 0 && path[slash - 1] != '/') --slash;
  *name = path + slash;
  if (slash >= PATH_MAX) return -ENAMETOOLONG;
  char folder[PATH_MAX];
  memcpy(folder, path, slash);
  folder[slash] = '\0';
  return open_or_create(root, folder, false, 0);
}

}  // namespace rcrt::launch
