// SPDX-License-Identifier: MIT
// maskedPaths and readonlyPaths.
#include <sys/stat.h>

#include "launch/child.h"
#include "launch/resolve.h"

namespace rcrt::launch {
namespace {

// An empty read-only tmpfs: the first is made, the others are clones of it.
int empty_folder(const Child& child, const char* path, int first) {
  if (first >= 0) return sys::open_tree(first, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  int fs = sys::fsopen("tmpfs", FSOPEN_CLOEXEC);
  if (fs < 0) fail(child, Stage::kMask, fs, path);
  int error = sys::fsconfig(fs, FSCONFIG_SET_STRING, "nr_blocks", "1", 0);
  if (error >= 0) error = sys::fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "1", 0);
  if (error >= 0) error = sys::fsconfig(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  if (error >= 0)
    error = sys::fsmount(fs, FSMOUNT_CLOEXEC,
                         MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  sys::close(fs);
  return error;
}

}  // namespace

void mask_paths(const Child& child) {
  auto* paths = child.table<plan::Str>(child.plan->masked);
  int folder = -1;
  for (uint32_t i = 0; i < child.plan->masked.count; ++i) {
    const char* path = child.string(paths[i]);
    int at = open_in_root(child.root, path, O_PATH);
    if (at == -ENOENT || at == -ENOTDIR) continue;
    if (at < 0) fail(child, Stage::kMask, at, path);
    struct statx status;
    int error = sys::statx(at, "", AT_EMPTY_PATH, STATX_TYPE, &status);
    if (error < 0) fail(child, Stage::kMask, error, path);
    const bool is_folder = (status.stx_mode & S_IFMT) == S_IFDIR;
    // The machine's own /dev/null, by type and number: an image cannot offer another.
    int cover = is_folder ? empty_folder(child, path, folder) : clone_host_device("/dev/null", 1, 3);
    if (cover < 0) fail(child, Stage::kMask, cover, path);
    error = sys::move_mount(cover, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    if (error < 0) fail(child, Stage::kMask, error, path);
    sys::close(at);
    if (is_folder && folder < 0) {
      folder = cover;
    } else {
      sys::close(cover);
    }
  }
  if (folder >= 0) sys::close(folder);
}

void protect_paths(const Child& child) {
  auto* paths = child.table<plan::Str>(child.plan->readonly);
  for (uint32_t i = 0; i < child.plan->readonly.count; ++i) {
    const char* path = child.string(paths[i]);
    int at = open_in_root(child.root, path, O_PATH);
    if (at == -ENOENT || at == -ENOTDIR) continue;
    if (at < 0) fail(child, Stage::kReadonlyPath, at, path);
    int tree = sys::open_tree(at, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) fail(child, Stage::kReadonlyPath, tree, path);
    mount_attr attributes = {};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    int error = sys::mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes);
    if (error >= 0)
      error = sys::move_mount(tree, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    if (error < 0) fail(child, Stage::kReadonlyPath, error, path);
    sys::close(tree);
    sys::close(at);
  }
}

}  // namespace rcrt::launch
