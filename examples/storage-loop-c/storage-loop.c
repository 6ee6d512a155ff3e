/* SPDX-License-Identifier: MIT */
/* storage-loop: the container's root is a file that holds a file system (squashfs, erofs,
 * ext4), mounted read-only.
 *
 *     rcrt --storage=loop run --read-only ./root.squashfs cat /etc/os-release
 *
 * The loop device clears itself when the last user of the mount is gone, so there is nothing
 * to release, not even after a crash. Needs the headers of rcrt and libc. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <rcrt/storage.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "json.h"

static rcrt_str text(const char* s) { return (rcrt_str){s, strlen(s)}; }

/* Says what failed, and gives what to return. */
static int fail(const rcrt_call* call, int code, const char* what, const char* object, const char* hint) {
  rcrt_error error = {sizeof error, -code, text(what), text(object), text(hint)};
  call->error(call->host, &error);
  return -code;
}

/* The type of the file system in a file, by its magic number; NULL when it is none we know. */
static const char* file_system_of(int fd) {
  unsigned char block[2048] = {0};
  if (pread(fd, block, sizeof block, 0) < 0) return NULL;
  if (memcmp(block, "hsqs", 4) == 0) return "squashfs";
  if (memcmp(block + 1024, "\xe2\xe1\xf5\xe0", 4) == 0) return "erofs";
  if (memcmp(block + 1024 + 56, "\x53\xef", 2) == 0) return "ext4";
  return NULL;
}

/* An open loop device on `backing`, or -1; its path goes to `path`. */
static int attach_loop(int backing, char path[32]) {
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return -1;
  int loop = -1;
  for (int tries = 0; loop < 0 && tries < 64; ++tries) {
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) break;
    snprintf(path, 32, "/dev/loop%d", number);
    loop = open(path, O_RDONLY | O_CLOEXEC);
    if (loop < 0) break;
    struct loop_config config = {.fd = (uint32_t)backing};
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    if (ioctl(loop, LOOP_CONFIGURE, &config) == 0) break;
    int code = errno;
    close(loop);
    loop = -1;
    errno = code;
    if (code != EBUSY) break; /* EBUSY: somebody else took it meanwhile */
  }
  int code = errno;
  close(control);
  errno = code;
  return loop;
}

/* A detached mount of the device, or -1. */
static int mount_device(const char* device, const char* type) {
  int fs = fsopen(type, FSOPEN_CLOEXEC);
  if (fs < 0) return -1;
  int mount = -1;
  if (fsconfig(fs, FSCONFIG_SET_STRING, "source", device, 0) == 0 &&
      fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) == 0 &&
      fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
    mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
  int code = errno;
  close(fs);
  errno = code;
  return mount;
}

static int prepare(const rcrt_call* call) {
  char source[PATH_MAX];
  if (!json_text(json_member(call->request, "source"), source, sizeof source))
    return fail(call, EINVAL, "storage-loop needs a file as root", "", "name one instead of an image");
  if (!json_is(json_member(call->request, "read_only"), "true"))
    return fail(call, EROFS, "cannot write to file system image", source, "add --read-only");

  int backing = open(source, O_RDONLY | O_CLOEXEC);
  if (backing < 0) return fail(call, errno, "cannot open", source, "");
  const char* type = file_system_of(backing);
  if (!type) {
    close(backing);
    return fail(call, EINVAL, "no squashfs, erofs or ext4 in", source, "");
  }
  char device[32] = "/dev/loop-control";
  int loop = attach_loop(backing, device);
  int code = errno;
  close(backing);
  if (loop < 0) return fail(call, code, "cannot set up loop device", device, "is the loop driver there?");
  int mount = mount_device(device, type);
  code = errno;
  close(loop); /* the mount holds the device now; without one it clears itself here */
  if (mount < 0) return fail(call, code, "cannot mount", source, "see dmesg");
  call->give_fd(call->host, "root", mount);
  return 0;
}

/* A file instead of an image; the host makes its path absolute. */
static int source(const rcrt_call* call) {
  (void)call;
  return 0;
}

static const rcrt_storage_v1 storage = {.size = sizeof storage, .prepare = prepare, .source = source};

static const void* get_interface(const char* id) {
  return strcmp(id, RCRT_STORAGE_V1) == 0 ? &storage : NULL;
}

RCRT_EXPORT const rcrt_plugin rcrt_plugin_entry = {
    .size = sizeof(rcrt_plugin),
    .abi_major = RCRT_ABI_MAJOR,
    .abi_minor = RCRT_ABI_MINOR,
    .name = "storage-loop",
    .version = "1.0",
    .description = "the root is a file that holds a file system, read-only",
    .license = "MIT",
    .get_interface = get_interface,
};
