// SPDX-License-Identifier: MIT
// The mounts of a container that runs: some more, or some less.
#include "launch/child.h"
#include "launch/number.h"
#include "launch/resolve.h"

namespace rcrt::launch {
namespace {

constexpr int kDetach = 2, kNoFollow = 8;  // MNT_DETACH, UMOUNT_NOFOLLOW

// By its folder: what is mounted there may be a file.
void unmount(const Child& child, const plan::Mount& mount) {
  const char *target = child.string(mount.target), *name = nullptr;
  int at = open_in_root(child.root, target, O_PATH | O_NOFOLLOW);
  if (at < 0) fail(child, Stage::kUnmount, at, target);
  sys::close(at);
  int folder = open_parent(child.root, target, &name);
  long error = folder < 0 ? folder : sys::fchdir(folder);
  if (error >= 0) error = sys::umount2(name, kDetach | kNoFollow);
  if (error < 0)
    fail(child, Stage::kUnmount, error, target, error == -EINVAL ? "it is not a mount point" : nullptr);
  sys::close(folder);
}

}  // namespace

void keep_descriptors_in_sight(Child& child) {
  child.descriptors = sys::openat(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (child.descriptors < 0) fail(child, Stage::kJoinNamespace, child.descriptors, "/proc/self/fd");
}

// By their descriptors: a path may lead elsewhere in the container by now.
void take_mounts_away(const Child& child) {
  if (child.descriptors < 0 || sys::fchdir(child.descriptors) < 0) return;
  auto* mounts = child.table<plan::Mount>(child.plan->mounts);
  for (uint32_t i = child.plan->mounts.count; i-- > 0;) {
    if (mounts[i].made < 0) continue;
    char name[24];
    append_number(name, mounts[i].made);
    sys::umount2(name, kDetach);
  }
}

void change_mounts(Child& child) {
  child.root = sys::openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (child.root < 0) fail(child, Stage::kAttachRoot, child.root);
  sys::umask(0);
  auto* mounts = child.table<plan::Mount>(child.plan->mounts);
  if (child.plan->mounts.count > 0 && mounts[0].flags & plan::Mount::kUnmount) {
    for (uint32_t i = 0; i < child.plan->mounts.count; ++i) unmount(child, mounts[i]);
  } else {
    make_mounts(child);
    make_mounts_readonly(child);
  }
  wait_for_go(child);
  sys::exit(0);
}

}  // namespace rcrt::launch
