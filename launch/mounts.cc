// SPDX-License-Identifier: MIT
#include <sys/stat.h>

#include "launch/child.h"
#include "launch/resolve.h"

namespace rcrt::launch {
namespace {

bool same(const char* left, const char* right) {
  size_t size = strlen(left);
  return size == strlen(right) && memcmp(left, right, size) == 0;
}

// What the file system itself says about a refused option: "e tmpfs: Bad value for 'size'".
struct KernelWords {
  char text[256] = {};
  explicit KernelWords(int fs) {
    long got = sys::read(fs, text, sizeof text - 1);
    if (got < 0) got = 0;
    while (got > 0 && text[got - 1] == '\n') --got;
    text[got] = '\0';
  }
  const char* words() const { return text[0] != '\0' && text[1] == ' ' ? text + 2 : text; }
};

bool has_option(const Child& child, const plan::Mount& mount, const char* key) {
  auto* options = child.table<plan::Option>(mount.options);
  for (uint32_t i = 0; i < mount.options.count; ++i)
    if (same(child.string(options[i].key), key)) return true;
  return false;
}

// sysfs cannot be mounted in a user namespace that does not own its network namespace, nor
// cgroup2 in one without a cgroup namespace: then, as runc does, the machine's is bound.
int bind_instead(const plan::Mount& mount, const char* type) {
  const char* path = same(type, "sysfs") ? "/sys" : same(type, "cgroup2") ? "/sys/fs/cgroup" : nullptr;
  if (path == nullptr) return -EPERM;
  int fd = sys::open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (fd < 0) return fd;
  mount_attr attributes = {};
  attributes.attr_set = mount.attributes & ~MOUNT_ATTR__ATIME;
  int error = sys::mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes);
  if (error < 0) {
    sys::close(fd);
    return error;
  }
  return fd;
}

// Options of the file system itself; a negative errno, and then the kernel's words are in `fs`.
long set_options(const Child& child, const plan::Mount& mount, int fs) {
  long error = 0;
  auto* options = child.table<plan::Option>(mount.options);
  for (uint32_t i = 0; error >= 0 && i < mount.options.count; ++i) {
    const char* key = child.string(options[i].key);
    const char* value = child.string(options[i].value);
    error = sys::fsconfig(fs, value != nullptr ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0);
  }
  return error;
}

int make_filesystem(const Child& child, const plan::Mount& mount, const char* mode) {
  const char* type = child.string(mount.type);
  const char* target = child.string(mount.target);
  int fs = sys::fsopen(type, FSOPEN_CLOEXEC);
  if (fs < 0) {
    int bound = fs == -EPERM ? bind_instead(mount, type) : fs;
    if (bound >= 0) return bound;
    fail(child, Stage::kMount, fs, target,
         fs == -ENODEV ? "this kernel does not know the file system" : nullptr);
  }
  long error = 0;
  if (const char* source = child.string(mount.source); source != nullptr)
    error = sys::fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0);
  if (error >= 0) error = set_options(child, mount, fs);
  if (error >= 0 && mode != nullptr) error = sys::fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0);
  if (error >= 0) error = sys::fsconfig(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  int made = -1;
  if (error >= 0) {
    uint64_t attributes = mount.attributes;
    if (mount.flags & plan::Mount::kTmpCopyUp) attributes &= ~static_cast<uint64_t>(MOUNT_ATTR_RDONLY);
    made = sys::fsmount(fs, FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes));
    error = made;
  }
  if (error == -EPERM) {
    made = bind_instead(mount, type);
    if (made >= 0) error = 0;
  }
  if (error < 0) fail(child, Stage::kMount, error, target, KernelWords(fs).words());
  sys::close(fs);
  return made;
}

void change(const Child& child, int fd, const char* target, const mount_attr& attributes, int recursive) {
  mount_attr copy = attributes;
  if ((copy.attr_set | copy.attr_clr | copy.propagation) == 0) return;
  int error = sys::mount_setattr(fd, "", AT_EMPTY_PATH | recursive, &copy);
  if (error < 0) fail(child, Stage::kMount, error, target);
}

void set_attributes(const Child& child, int fd, const plan::Mount& mount) {
  const char* target = child.string(mount.target);
  change(child, fd, target, {.attr_set = mount.recursive_set, .attr_clr = mount.recursive_clear},
         AT_RECURSIVE);
  change(child, fd, target, {.propagation = mount.propagation},
         mount.propagation_recursive ? AT_RECURSIVE : 0);
}

int clone_source(const Child& child, const plan::Mount& mount) {
  const char* source = child.string(mount.source);
  int tree = sys::open_tree(
      AT_FDCWD, source,
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (mount.flags & plan::Mount::kRecursive ? AT_RECURSIVE : 0));
  if (tree < 0) fail(child, Stage::kBindSource, tree, source);
  set_attributes(child, tree, mount);
  change(child, tree, child.string(mount.target), {.attr_set = mount.attributes, .attr_clr = mount.cleared},
         0);
  return tree;
}

bool is_file(const Child& child, int tree, const char* target) {
  struct statx status;
  int error = sys::statx(tree, "", AT_EMPTY_PATH, STATX_TYPE, &status);
  if (error < 0) fail(child, Stage::kMount, error, target);
  return (status.stx_mode & S_IFMT) != S_IFDIR;
}

// Why the kernel does not mount `tree` at `at`, where it says no more than EINVAL.
const char* mismatch(const Child& child, int tree, int at, const char* target) {
  const bool mounts_file = is_file(child, tree, target), on_file = is_file(child, at, target);
  if (mounts_file == on_file) return nullptr;
  return on_file ? "it is a file in the root, and a folder is mounted there"
                 : "it is a folder in the root, and a file is mounted there";
}

// The option "remount": other attributes, other options of the file system, for what is there.
void change_mount(const Child& child, const plan::Mount& mount) {
  const char* target = child.string(mount.target);
  int at = open_in_root(child.root, target, O_PATH);
  if (at < 0) fail(child, Stage::kMountTarget, at, target);
  struct statx status;
  int error = sys::statx(at, "", AT_EMPTY_PATH, STATX_TYPE, &status);
  if (error < 0) fail(child, Stage::kMountTarget, error, target);
  if ((status.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0)
    fail(child, Stage::kMount, -EINVAL, target, "it is no mount point, whose mount could be changed");
  if (mount.options.count > 0) {
    int fs = sys::fspick(at, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
    if (fs < 0) fail(child, Stage::kMount, fs, target);
    long error = set_options(child, mount, fs);
    if (error >= 0) error = sys::fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0);
    if (error < 0) fail(child, Stage::kMount, error, target, KernelWords(fs).words());
    sys::close(fs);
  }
  change(child, at, target, {.attr_set = mount.attributes, .attr_clr = mount.cleared}, 0);
  set_attributes(child, at, mount);
  sys::close(at);
}

void make_mount(Child& child, plan::Mount& mount, int early) {
  const char* target = child.string(mount.target);
  const uint64_t resolve = mount.flags & plan::Mount::kNoSymlinks ? RESOLVE_NO_SYMLINKS : 0;
  bool existed = false, as_file = mount.flags & plan::Mount::kFileTarget;
  int fd = early >= 0 ? early : child.fd(mount.fd);
  if (mount.flags & plan::Mount::kBind) {
    fd = clone_source(child, mount);
    as_file = is_file(child, fd, target);
  }
  int at = open_or_create(child.root, target, as_file, resolve, &existed);
  if (at < 0)
    fail(child, Stage::kMountTarget, at, target,
         at == -ELOOP && resolve != 0 ? "it must be a folder, not a symbolic link" : nullptr);

  if (early >= 0) {
    set_attributes(child, fd, mount);
  } else if (fd < 0) {
    char mode[8];
    bool keep_mode = existed && same(child.string(mount.type), "tmpfs") && !has_option(child, mount, "mode");
    if (keep_mode) {
      // As runc does: a tmpfs over a folder keeps the folder's mode.
      struct statx status;
      if (int error = sys::statx(at, "", AT_EMPTY_PATH, STATX_MODE, &status); error < 0)
        fail(child, Stage::kMountTarget, error, target);
      for (int digit = 0; digit < 5; ++digit)
        mode[digit] = static_cast<char>('0' + ((status.stx_mode & 07777) >> (3 * (4 - digit)) & 7));
      mode[5] = '\0';
    }
    fd = make_filesystem(child, mount, keep_mode ? mode : nullptr);
    if (existed && (mount.flags & plan::Mount::kTmpCopyUp)) {
      if (long error = copy_up(at, fd); error < 0) fail(child, Stage::kCopyUp, error, target);
    }
    if ((mount.flags & plan::Mount::kTmpCopyUp) && (mount.attributes & MOUNT_ATTR_RDONLY))
      change(child, fd, target, {.attr_set = MOUNT_ATTR_RDONLY}, 0);
    set_attributes(child, fd, mount);
  }
  int error = sys::move_mount(fd, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  if (error < 0)
    fail(child, Stage::kMount, error, target, error == -EINVAL ? mismatch(child, fd, at, target) : nullptr);
  sys::close(at);
  if ((mount.flags & plan::Mount::kReadonlyLast) || child.has(plan::Plan::kMountsOnly)) {
    mount.made = fd;
  } else if ((mount.flags & plan::Mount::kIsProc) && child.proc < 0) {
    child.proc = fd;
  } else if (mount.fd < 0) {
    sys::close(fd);
  }
}

}  // namespace

void make_mounts(Child& child) {
  // The plan is the process's own copy.
  auto* mounts = const_cast<plan::Mount*>(child.table<plan::Mount>(child.plan->mounts));
  for (uint32_t i = 0; i < child.plan->mounts.count; ++i)
    if (mounts[i].flags & plan::Mount::kRemount)
      change_mount(child, mounts[i]);
    else
      make_mount(child, mounts[i], mounts[i].flags & plan::Mount::kEarly ? child.early_mounts[i] : -1);
}

void make_mounts_readonly(const Child& child) {
  auto* mounts = child.table<plan::Mount>(child.plan->mounts);
  for (uint32_t i = 0; i < child.plan->mounts.count; ++i) {
    if ((mounts[i].flags & plan::Mount::kReadonlyLast) == 0) continue;
    change(child, mounts[i].made, child.string(mounts[i].target), {.attr_set = MOUNT_ATTR_RDONLY}, 0);
  }
}

void make_early_mounts(Child& child) {
  auto* mounts = child.table<plan::Mount>(child.plan->mounts);
  for (uint32_t i = 0; i < child.plan->mounts.count; ++i)
    if (mounts[i].flags & plan::Mount::kEarly)
      child.early_mounts[i] = make_filesystem(child, mounts[i], nullptr);
  for (uint32_t i = 0; i < child.plan->mounts.count; ++i)
    if (mounts[i].flags & plan::Mount::kDevices)
      child.early_devices = make_early_devices(child, child.early_mounts[i]);
  cover_early_mounts(child);
}

}  // namespace rcrt::launch
