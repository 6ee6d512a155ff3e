// SPDX-License-Identifier: MIT
// The floor for `run --rm IMAGE true`: what the kernel alone costs. The namespaces,
// overlay, mounts, devices, pivot_root, exec and wait of a container, in static C
// and with nothing a runtime needs besides: no arguments worth the name, no
// configuration, no state, no capabilities, no seccomp, no clean-up.
//
//     floor LOWER SCRATCH COMMAND [ARGS]
//
// LOWER is the root's read-only layer, SCRATCH an empty folder for the upper one.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int result, const char* what) {
  if (result >= 0) return;
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  _exit(125);
}

static void mount_at(const char* type, const char* target, unsigned long flags, const char* data) {
  mkdir(target, 0755);
  check(mount(type, target, type, flags, data), target);
}

static void device(const char* path, unsigned major_number, unsigned minor_number) {
  check(mknod(path, S_IFCHR | 0666, makedev(major_number, minor_number)), path);
}

// Runs inside the namespaces; the working directory is SCRATCH.
static void enter(const char* lower, char** command) {
  check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount --make-rprivate /");
  check(mkdir("upper", 0755), "mkdir upper");
  check(mkdir("work", 0755), "mkdir work");
  check(mkdir("root", 0755), "mkdir root");
  char options[4096];
  int length = snprintf(options, sizeof options, "lowerdir=%s,upperdir=upper,workdir=work,volatile", lower);
  if (length >= (int)sizeof options) check(-1, "LOWER is too long");
  check(mount("overlay", "root", "overlay", 0, options), "mount overlay");
  check(chdir("root"), "chdir root");

  mount_at("proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_at("sysfs", "sys", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
  mount_at("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
  mount_at("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620");
  mount_at("tmpfs", "dev/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=65536k");
  mount_at("mqueue", "dev/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  umask(0);
  device("dev/null", 1, 3);
  device("dev/zero", 1, 5);
  device("dev/full", 1, 7);
  device("dev/random", 1, 8);
  device("dev/urandom", 1, 9);
  device("dev/tty", 5, 0);
  check(symlink("pts/ptmx", "dev/ptmx"), "symlink ptmx");
  check(symlink("/proc/self/fd", "dev/fd"), "symlink fd");
  check(symlink("/proc/self/fd/0", "dev/stdin"), "symlink stdin");
  check(symlink("/proc/self/fd/1", "dev/stdout"), "symlink stdout");
  check(symlink("/proc/self/fd/2", "dev/stderr"), "symlink stderr");
  umask(022);

  check((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
  check(umount2(".", MNT_DETACH), "umount old root");
  check(chdir("/"), "chdir /");
  check(sethostname("floor", 5), "sethostname");
  char* environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
  execve(command[0], command, environment);
  check(-1, command[0]);
}

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: floor LOWER SCRATCH COMMAND [ARGS]\n");
    return 125;
  }
  check(chdir(argv[2]), argv[2]);
  struct clone_args args = {
      .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
      .exit_signal = SIGCHLD,
  };
  long pid = syscall(SYS_clone3, &args, sizeof args);
  check((int)pid, "clone3");
  if (pid == 0) enter(argv[1], argv + 3);
  int status = 0;
  check(waitpid((pid_t)pid, &status, 0), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
