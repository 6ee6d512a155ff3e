// SPDX-License-Identifier: MIT
// storage-dir: the root is a directory the user names, used in place.
#include <fcntl.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <rcrt/plugin.hpp>

#include "base/fault.h"
#include "base/unique_fd.h"

namespace {

using rcrt::UniqueFd;
using rcrt::sdk::Call;
using rcrt::sdk::fail;
using rcrt::sdk::fail_errno;
using rcrt::sdk::Status;

// glibc 2.36 has wrappers; <sys/mount.h> and <linux/mount.h> exclude each other there.
int open_tree(int dir, const char* path, unsigned flags) {
  return static_cast<int>(::syscall(SYS_open_tree, dir, path, flags));
}

Status source(Call& call) {
  std::string word = call.text("word");
  std::unique_ptr<char, decltype(&::free)> real(::realpath(word.c_str(), nullptr), ::free);
  struct stat info;
  if (!real || ::stat(real.get(), &info) != 0)
    return fail_errno("cannot use root directory", word, "with --storage=dir the image is a directory");
  if (!S_ISDIR(info.st_mode))
    return fail(ENOTDIR, "root is not a directory", word,
                "unpack it first, or make an image of it with 'rcrt import'");
  if (strcmp(real.get(), "/") == 0)
    return fail(EINVAL, "refusing to run in the host's own root", word, "name a directory below it");
  call.result({{"source", real.get()}});
  return {};
}

Status prepare(Call& call) {
  std::string source = call.text("source");
  if (source.empty())
    return fail(EINVAL, "the container has no directory to use as its root", {},
                "name a directory instead of an image, or use --storage=overlay");
  if (source[0] != '/') return fail(EINVAL, "the root directory is not an absolute path", source);

  if (Status refused = rcrt::sdk::refuse_options(call, "storage-dir"); !refused) return refused;
  UniqueFd directory(::open(source.c_str(), O_PATH | O_CLOEXEC));
  if (!directory)
    return fail_errno("cannot open the root directory", source,
                      errno == ENOENT ? "name a directory that exists" : "");
  struct stat info;
  if (::fstat(directory.get(), &info) != 0) return fail_errno("cannot examine the root directory", source);
  if (!S_ISDIR(info.st_mode))
    return fail(ENOTDIR, "cannot use as a root directory", source,
                "unpack it first, or make an image of it with 'rcrt import'");

  rcrt::fault_point("storage-dir: clone");
  // What is mounted below belongs to the root as well.
  UniqueFd root(
      open_tree(directory.get(), "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!root)
    return fail_errno("cannot make a mount of the root directory", source,
                      errno == EPERM ? "run as root" : "");

  // Mounting and unmounting in the container stays in the container.
  mount_attr attributes{};
  attributes.propagation = 1UL << 18;  // MS_PRIVATE
  if (call.flag("read_only")) attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::syscall(SYS_mount_setattr, root.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                sizeof attributes) != 0)
    return fail_errno("cannot set the attributes of the root directory's mount", source);
  rcrt::fault_point("storage-dir: ready");
  call.give_fd("root", root.release());
  return {};
}

constexpr rcrt_storage_v1 kStorage = {
    .size = sizeof(rcrt_storage_v1), .prepare = RCRT_FUNCTION(prepare), .source = RCRT_FUNCTION(source)};

}  // namespace

RCRT_PLUGIN("storage-dir", "1.0", "a directory, used in place as the root", "MIT",
            {RCRT_STORAGE_V1, &kStorage});
