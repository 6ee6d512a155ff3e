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

void mask(const Child& child, int at, const char* path, int* folder) {
  struct statx status;
  int error = sys::statx(at, "", AT_EMPTY_PATH, STATX_TYPE, &status);
  if (error < 0) fail(child, Stage::kMask, error, path);
  const bool is_folder = (status.stx_mode & S_IFMT) == S_IFDIR;
  // The machine's own /dev/null, by type and number: an image cannot offer another.
  int cover = is_folder ? empty_folder(child, path, *folder) : clone_host_device("/dev/null", 1, 3);
  if (cover < 0) fail(child, Stage::kMask, cover, path);
  error = sys::move_mount(cover, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  if (error < 0) fail(child, Stage::kMask, error, path);
  if (is_folder && *folder < 0) {
    *folder = cover;
  } else {
    sys::close(cover);
  }
}

void protect(const Child& child, int at, const char* path) {
  int tree = sys::open_tree(at, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) fail(child, Stage::kReadonlyPath, tree, path);
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  int error = sys::mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes);
  if (error >= 0)
    error = sys::move_mount(tree, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  if (error < 0) fail(child, Stage::kReadonlyPath, error, path);
  sys::close(tree);
}

void cover(const Child& child, Stage stage, int at, const char* path, int* folder) {
  if (stage == Stage::kMask) {
    mask(child, at, path, folder);
  } else {
    protect(child, at, path);
  }
  sys::close(at);
}

// All but those that were covered early.
void cover_paths(const Child& child, Stage stage, plan::Table table, uint64_t done) {
  auto* paths = child.table<plan::Str>(table);
  int folder = -1;
  for (uint32_t i = 0; i < table.count; ++i) {
    if (i < 64 && (done >> i & 1)) continue;
    const char* path = child.string(paths[i]);
    int at = open_in_root(child.root, path, O_PATH);
    if (at == -ENOENT || at == -ENOTDIR) continue;
    if (at < 0) fail(child, stage, at, path);
    cover(child, stage, at, path, &folder);
  }
  if (folder >= 0) sys::close(folder);
}

// What `path` is below `folder`; nullptr when it is not.
const char* below(const char* path, const char* folder) {
  size_t size = strlen(folder);
  return strlen(path) > size && memcmp(path, folder, size) == 0 && path[size] == '/' ? path + size + 1
                                                                                     : nullptr;
}

// Those below the mount `at`, which is attached; returns which.
uint64_t cover_early(const Child& child, Stage stage, plan::Table table, int at, const char* target) {
  auto* paths = child.table<plan::Str>(table);
  uint64_t done = 0;
  int folder = -1;
  for (uint32_t i = 0; i < table.count && i < 64; ++i) {
    const char* inside = below(child.string(paths[i]), target);
    if (inside == nullptr) continue;
    // A link may lead to another mount: that is left for later, as is every error.
    int found = open_in_root(at, inside, O_PATH, RESOLVE_NO_SYMLINKS);
    if (found >= 0) cover(child, stage, found, child.string(paths[i]), &folder);
    if (found >= 0 || found == -ENOENT || found == -ENOTDIR) done |= uint64_t{1} << i;
  }
  if (folder >= 0) sys::close(folder);
  return done;
}

}  // namespace

void mask_paths(const Child& child) {
  cover_paths(child, Stage::kMask, child.plan->masked, child.early_masked);
}

void protect_paths(const Child& child) {
  cover_paths(child, Stage::kReadonlyPath, child.plan->readonly, child.early_readonly);
}

void cover_early_mounts(Child& child) {
  auto* mounts = child.table<plan::Mount>(child.plan->mounts);
  bool slaves = false;
  for (uint32_t i = 0; i < child.plan->mounts.count; ++i) {
    if ((mounts[i].flags & plan::Mount::kCover) == 0) continue;
    // Only what is attached can be mounted on. In our copy of the machine's mounts, which
    // lets nothing out any more, the place of its like serves until the root is there.
    mount_attr attributes = {};
    attributes.propagation = 1 << 19;  // MS_SLAVE
    if (!slaves && sys::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attributes) < 0) return;
    slaves = true;
    const char* target = child.string(mounts[i].target);
    const char* place = target[0] == 'p' ? "/proc" : "/sys";
    if (sys::move_mount(child.early_mounts[i], "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH) < 0) continue;
    const int at = child.early_mounts[i];
    if (mounts[i].flags & plan::Mount::kIsProc) {
      // Before what is below becomes read-only.
      child.proc = at;
      set_sysctls(child);
      child.early_sysctls = true;
      child.proc = -1;
    }
    child.early_masked |= cover_early(child, Stage::kMask, child.plan->masked, at, target);
    child.early_readonly |= cover_early(child, Stage::kReadonlyPath, child.plan->readonly, at, target);
  }
}

}  // namespace rcrt::launch
