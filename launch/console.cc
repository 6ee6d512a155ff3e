// SPDX-License-Identifier: MIT
// The container's terminal: a pty of its own devpts, its slave also on /dev/console.
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "launch/child.h"
#include "launch/message.h"
#include "launch/resolve.h"

namespace rcrt::launch {
namespace {

struct WindowSize {
  unsigned short rows, columns, x, y;
};

// The multiplexer must be devpts's own 5:2, whatever an image or a volume put there.
int open_multiplexer(const Child& child) {
  int fd = child.root >= 0 ? open_in_root(child.root, "dev/pts/ptmx", O_RDWR | O_NOCTTY)
                           : sys::openat(AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    fail(child, Stage::kConsole, fd, "/dev/pts/ptmx", "a terminal needs a devpts mount on /dev/pts");
  struct statfs file_system;
  struct statx status;
  int error = sys::call(SYS_fstatfs, fd, sys::arg(&file_system));
  if (error == 0) error = sys::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status);
  if (error < 0) fail(child, Stage::kConsole, error, "/dev/pts/ptmx");
  bool multiplexer = status.stx_rdev_major == 5 && status.stx_rdev_minor == 2;
  if (!multiplexer || (child.root >= 0 && file_system.f_type != DEVPTS_SUPER_MAGIC))
    fail(child, Stage::kConsole, -ENODEV, "/dev/pts/ptmx", "it is not devpts's multiplexer");
  return fd;
}

void bind_console(const Child& child, int slave) {
  int folder = open_in_root(child.root, "dev", O_PATH | O_DIRECTORY);
  if (folder < 0) fail(child, Stage::kConsole, folder, "/dev");
  int made = sys::openat(folder, "console", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (made >= 0) sys::close(made);
  int at = sys::openat(folder, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (at < 0) fail(child, Stage::kConsole, at, "/dev/console");
  struct statx status;
  int error = sys::statx(at, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status);
  if (error == 0 && (status.stx_mode & S_IFMT) == S_IFLNK) error = -ELOOP;
  if (error < 0) fail(child, Stage::kConsole, error, "/dev/console", "it must not be a symbolic link");
  int tree = sys::open_tree(slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) fail(child, Stage::kConsole, tree, "/dev/console");
  error = sys::move_mount(tree, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  if (error < 0) fail(child, Stage::kConsole, error, "/dev/console");
  sys::close(tree);
  sys::close(at);
  sys::close(folder);
}

}  // namespace

void make_console(const Child& child, int* slave) {
  int master = open_multiplexer(child);
  int unlock = 0;
  int error = sys::ioctl(master, TIOCSPTLCK, sys::arg(&unlock));
  if (error < 0) fail(child, Stage::kConsole, error, "unlock");
  *slave = sys::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (*slave < 0) fail(child, Stage::kConsole, *slave, "slave");
  if (child.has(plan::Plan::kConsoleSize)) {
    WindowSize size = {child.plan->console_rows, child.plan->console_columns, 0, 0};
    error = sys::ioctl(master, TIOCSWINSZ, sys::arg(&size));
    if (error < 0) fail(child, Stage::kConsole, error, "size");
  }
  if (child.plan->uid != 0) {
    error = sys::fchownat(*slave, "", child.plan->uid, ~0U, AT_EMPTY_PATH);
    if (error < 0) fail(child, Stage::kConsole, error, "owner");
  }
  if (child.root >= 0) bind_console(child, *slave);

  SimpleMessage message = {Kind::kConsole};
  long sent = 0;
  if (!child.has(plan::Plan::kOrphan)) sent = send_message(child.monitor, &message, sizeof message, master);
  if (sent >= 0 && child.has(plan::Plan::kAttached))
    sent = send_message(child.sync, &message, sizeof message, master);
  if (sent < 0) fail(child, Stage::kConsole, sent, "master");
  sys::close(master);
}

}  // namespace rcrt::launch
