// SPDX-License-Identifier: MIT
#include <linux/sched.h>
#include <sys/stat.h>

#include "launch/child.h"
#include "launch/resolve.h"

namespace rcrt::launch {
namespace {

constexpr int kDetach = 2;              // MNT_DETACH
constexpr uint64_t kRecursive = 16384;  // MS_REC
constexpr uint64_t kUnbindable = 1 << 17;
constexpr uint64_t kShared = 1 << 20;

// A container that shares the machine's mount namespace has a root that is attached nowhere:
// nothing of it is seen there. It is made in a namespace for the time being, since Linux
// before 6.15 mounts nothing into what is not attached.
void leave_mount_namespace(Child& child) {
  child.shared_mounts = sys::openat(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (child.shared_mounts < 0) fail(child, Stage::kAttachRoot, child.shared_mounts, "/proc/self/ns/mnt");
  if (int error = sys::unshare(CLONE_NEWNS); error < 0)
    fail(child, Stage::kAttachRoot, error, "a mount namespace for the time being");
}

void return_to_mount_namespace(Child& child) {
  child.root =
      sys::open_tree(child.root, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
  if (child.root < 0) fail(child, Stage::kPivot, child.root, "root");
  if (int error = sys::setns(child.shared_mounts, CLONE_NEWNS); error < 0)
    fail(child, Stage::kPivot, error, "the machine's mount namespace");
}

}  // namespace

// The root is stacked on "/". Our own "/" stays the old one until the pivot, and needs no
// path that an unprivileged root of a user namespace could not walk.
void attach_root(Child& child) {
  child.root = child.fd(child.plan->root_fd);
  if (!child.has(plan::Plan::kOwnMountNs)) leave_mount_namespace(child);
  // A shared root must not share back what is mounted below: the old tree is a slave then.
  const uint64_t propagation = child.plan->root_propagation & ~kRecursive;
  mount_attr attributes = {};
  attributes.propagation = propagation == kShared || propagation == kUnbindable ? 1 << 19 : propagation;
  if (int error = sys::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attributes); error < 0)
    fail(child, Stage::kPropagation, error, "/");
  attributes.propagation = 1 << 18;  // MS_PRIVATE: a clone of a shared mount is its peer
  if (int error = sys::mount_setattr(child.root, "", AT_EMPTY_PATH, &attributes); error < 0)
    fail(child, Stage::kPropagation, error, "root");
  if (int error = sys::move_mount(child.root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH); error < 0)
    fail(child, Stage::kAttachRoot, error);
}

// Hooks look for the root where the bundle has it, and who enters the namespace stands on what is
// stacked on "/". It stays there when the namespace has no such folder, or the root of a user
// namespace may not go there: no hook could mount anything in it then.
void show_root(const Child& child) {
  const char* path = child.string(child.plan->root_path);
  if (path == nullptr) return;
  int error =
      sys::move_mount(child.root, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS);
  if (error < 0 && error != -ENOENT && error != -EACCES) fail(child, Stage::kAttachRoot, error, path);
}

// As runc does: one that is not there is made.
void make_working_directory(const Child& child) {
  const char* cwd = child.string(child.plan->cwd_in_root);
  if (cwd == nullptr || cwd[0] == '\0') return;
  int fd = open_or_create(child.root, cwd, false, 0);
  if (fd >= 0) sys::close(fd);
}

void make_root_readonly(const Child& child) {
  if (!child.has(plan::Plan::kReadonlyRoot)) return;
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (int error = sys::mount_setattr(child.root, "", AT_EMPTY_PATH, &attributes); error < 0)
    fail(child, Stage::kReadonlyRoot, error);
}

namespace {

// Only now: the kernel does not pivot to a shared root.
void propagate_root(const Child& child) {
  mount_attr attributes = {};
  attributes.propagation = child.plan->root_propagation & ~kRecursive;
  if (attributes.propagation != kShared && attributes.propagation != kUnbindable) return;
  if (int error = sys::mount_setattr(AT_FDCWD, "/", 0, &attributes); error < 0)
    fail(child, Stage::kPropagation, error, "root");
}

}  // namespace

void pivot(Child& child) {
  if (!child.has(plan::Plan::kOwnMountNs)) return_to_mount_namespace(child);
  if (int error = sys::fchdir(child.root); error < 0) fail(child, Stage::kPivot, error);
  if (child.has(plan::Plan::kNoPivot) || !child.has(plan::Plan::kOwnMountNs)) {
    if (long error = sys::call(SYS_chroot, sys::arg(".")); error < 0) fail(child, Stage::kPivot, error);
    if (child.has(plan::Plan::kOwnMountNs)) propagate_root(child);
    return;
  }
  if (int error = sys::pivot_root(".", "."); error < 0)
    fail(child, Stage::kPivot, error, nullptr,
         error == -EINVAL ? "the machine's own root may be an initramfs" : nullptr);
  // The old root is now stacked on the new one; "." is the old root.
  if (int error = sys::umount2(".", kDetach); error < 0) fail(child, Stage::kPivot, error, "old root");
  if (int error = sys::chdir("/"); error < 0) fail(child, Stage::kPivot, error);
  propagate_root(child);
}

}  // namespace rcrt::launch
