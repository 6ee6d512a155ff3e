// SPDX-License-Identifier: MIT
// Device nodes and the usual links of /dev.
#include <limits.h>
#include <sys/stat.h>

#include "launch/child.h"
#include "launch/resolve.h"

namespace rcrt::launch {
namespace {

unsigned encode(unsigned major, unsigned minor) {
  return (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);
}

bool is_device(const struct statx& status, unsigned type, unsigned major, unsigned minor) {
  return (status.stx_mode & S_IFMT) == type && status.stx_rdev_major == major &&
         status.stx_rdev_minor == minor;
}

// mknod is forbidden in a user namespace, and a root used in place may hold a plain file
// of that name: then the machine's node is bound.
void bind_device(const Child& child, const plan::Device& device) {
  const char* path = child.string(device.path);
  char host[PATH_MAX];
  size_t size = strlen(path);
  if (size + 2 > sizeof host) fail(child, Stage::kDevice, -ENAMETOOLONG, path);
  host[0] = '/';
  memcpy(host + 1, path, size + 1);
  int tree = clone_host_device(host, device.major, device.minor);
  if (tree < 0) fail(child, Stage::kDevice, tree, path, "the machine has no such device to bind");
  int at = open_or_create(child.root, path, true, 0);
  if (at < 0) fail(child, Stage::kDevice, at, path);
  int error = sys::move_mount(tree, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  if (error < 0) fail(child, Stage::kDevice, error, path);
  sys::close(at);
  sys::close(tree);
}

// With its owner; the error.
int make_node(int folder, const char* name, const plan::Device& device) {
  int error = sys::mknodat(folder, name, device.mode, encode(device.major, device.minor));
  if (error != 0 || (device.uid == 0 && device.gid == 0)) return error;
  error = sys::fchownat(folder, name, device.uid, device.gid, AT_SYMLINK_NOFOLLOW);
  if (error != 0) sys::unlinkat(folder, name, 0);
  return error;
}

// Nearly all that is made here is directly in /dev: that folder is opened once.
class Folder {
 public:
  explicit Folder(int root) : root_(root) {}
  ~Folder() {
    if (fd_ >= 0) sys::close(fd_);
  }

  // The folder that holds `path`; *name is its last part.
  int open(const char* path, const char** name) {
    size_t slash = strlen(path);
    while (slash > 0 && path[slash - 1] != '/') --slash;
    *name = path + slash;
    if (fd_ >= 0 && slash == size_ && memcmp(path, path_, slash) == 0) return fd_;
    if (fd_ >= 0) sys::close(fd_);
    path_ = path;
    size_ = slash;
    fd_ = open_parent(root_, path, name);
    return fd_;
  }

 private:
  int root_;
  int fd_ = -1;
  const char* path_ = nullptr;
  size_t size_ = 0;
};

void make_device(const Child& child, Folder& folders, const plan::Device& device) {
  const char* path = child.string(device.path);
  if (child.has(plan::Plan::kUserNamespace) && (device.mode & S_IFMT) != S_IFIFO)
    return bind_device(child, device);
  const char* name;
  int folder = folders.open(path, &name);
  if (folder < 0) fail(child, Stage::kDevice, folder, path);
  int error = make_node(folder, name, device);
  bool bind = error == -EPERM;
  if (error == -EEXIST) {
    struct statx status;
    error = sys::statx(folder, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status);
    if (error < 0) fail(child, Stage::kDevice, error, path);
    bind = !is_device(status, device.mode & S_IFMT, device.major, device.minor);
    if (bind && (status.stx_mode & S_IFMT) == S_IFLNK)
      fail(child, Stage::kDevice, -EEXIST, path, "the root holds a symbolic link of that name");
  }
  if (bind) return bind_device(child, device);
  if (error < 0) fail(child, Stage::kDevice, error, path);
}

void make_link(const Child& child, Folder& folders, const plan::Link& link) {
  const char* path = child.string(link.path);
  const char* target = child.string(link.target);
  const char* name;
  int folder = folders.open(path, &name);
  if (folder < 0) fail(child, Stage::kDeviceLink, folder, path);
  int error = sys::symlinkat(target, folder, name);
  if (error == -EEXIST && memcmp(name, "ptmx", 5) == 0) {
    // A node here would be the machine's pty multiplexer, not the container's.
    char now[64];
    long length = sys::readlinkat(folder, name, now, sizeof now);
    bool right = length == static_cast<long>(strlen(target)) && memcmp(now, target, length) == 0;
    if (!right) {
      error = sys::unlinkat(folder, name, 0);
      if (error == 0) error = sys::symlinkat(target, folder, name);
    }
  }
  if (error < 0 && error != -EEXIST) fail(child, Stage::kDeviceLink, error, path);
}

}  // namespace

int clone_host_device(const char* path, unsigned major, unsigned minor) {
  int tree = sys::open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return tree;
  struct statx status;
  int error = sys::statx(tree, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status);
  if (error == 0 && !is_device(status, S_IFCHR, major, minor) && !is_device(status, S_IFBLK, major, minor))
    error = -ENODEV;
  if (error == 0) return tree;
  sys::close(tree);
  return error;
}

bool make_early_devices(const Child& child, int folder) {
  auto name = [](const char* path) { return path + sizeof "dev/" - 1; };
  // The places of the mounts below it.
  auto* mounts = child.table<plan::Mount>(child.plan->mounts);
  for (uint32_t i = 0; i < child.plan->mounts.count; ++i) {
    const char* target = child.string(mounts[i].target);
    if ((mounts[i].flags & plan::Mount::kEarly) && memcmp(target, "dev/", 4) == 0)
      sys::mkdirat(folder, name(target), 0755);  // else it is made with the mount
  }
  auto* devices = child.table<plan::Device>(child.plan->devices);
  for (uint32_t i = 0; i < child.plan->devices.count; ++i) {
    const plan::Device& device = devices[i];
    const char* path = child.string(device.path);
    int error = make_node(folder, name(path), device);
    if (error == -EPERM) return false;
    if (error < 0) fail(child, Stage::kDevice, error, path);
  }
  auto* links = child.table<plan::Link>(child.plan->links);
  for (uint32_t i = 0; i < child.plan->links.count; ++i) {
    const char* path = child.string(links[i].path);
    int error = sys::symlinkat(child.string(links[i].target), folder, name(path));
    if (error < 0) fail(child, Stage::kDeviceLink, error, path);
  }
  return true;
}

void make_devices(const Child& child) {
  auto* devices = child.table<plan::Device>(child.plan->devices);
  Folder folders(child.root);
  for (uint32_t i = 0; i < child.plan->devices.count; ++i) make_device(child, folders, devices[i]);
  auto* links = child.table<plan::Link>(child.plan->links);
  for (uint32_t i = 0; i < child.plan->links.count; ++i) make_link(child, folders, links[i]);
}

}  // namespace rcrt::launch
