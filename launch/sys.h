// SPDX-License-Identifier: MIT
// System calls without libc: each returns the kernel's result, a negative errno on
// failure. launch/ and monitor/ are linked with nothing else.
#pragma once

#include <linux/mount.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

namespace rcrt::sys {

inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
#error "rcrt-monitor knows x86-64 and aarch64"
#endif
}

template <typename T>
long arg(T* pointer) {
  return reinterpret_cast<long>(pointer);
}

// A seccomp filter may refuse to end the process: then a fault does.
[[noreturn]] inline void exit(int code) {
  call(SYS_exit_group, code);
  call(SYS_exit, code);
  __builtin_trap();
}
inline int close(int fd) { return call(SYS_close, fd); }
inline long read(int fd, void* data, size_t size) { return call(SYS_read, fd, arg(data), size); }
inline long write(int fd, const void* data, size_t size) { return call(SYS_write, fd, arg(data), size); }
inline int openat(int dir, const char* path, int flags, unsigned mode = 0) {
  return call(SYS_openat, dir, arg(path), flags, mode);
}
inline int openat2(int dir, const char* path, uint64_t flags, uint64_t resolve, uint64_t mode = 0) {
  open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
  return call(SYS_openat2, dir, arg(path), arg(&how), sizeof how);
}
inline int dup3(int from, int to, int flags) { return call(SYS_dup3, from, to, flags); }
inline int fcntl(int fd, int command, long value = 0) { return call(SYS_fcntl, fd, command, value); }
inline int ioctl(int fd, unsigned long request, long value) { return call(SYS_ioctl, fd, request, value); }
inline int close_range(unsigned first, unsigned last, unsigned flags) {
  return call(SYS_close_range, first, last, flags);
}
inline int mkdirat(int dir, const char* path, unsigned mode) {
  return call(SYS_mkdirat, dir, arg(path), mode);
}
inline int mknodat(int dir, const char* path, unsigned mode, unsigned device) {
  return call(SYS_mknodat, dir, arg(path), mode, device);
}
inline int symlinkat(const char* target, int dir, const char* path) {
  return call(SYS_symlinkat, arg(target), dir, arg(path));
}
inline long readlinkat(int dir, const char* path, char* buffer, size_t size) {
  return call(SYS_readlinkat, dir, arg(path), arg(buffer), size);
}
inline int unlinkat(int dir, const char* path, int flags) {
  return call(SYS_unlinkat, dir, arg(path), flags);
}
inline int renameat(int from_dir, const char* from, int to_dir, const char* to) {
  return call(SYS_renameat2, from_dir, arg(from), to_dir, arg(to), 0);
}
inline int fchownat(int dir, const char* path, unsigned uid, unsigned gid, int flags) {
  return call(SYS_fchownat, dir, arg(path), uid, gid, flags);
}
inline int fchmod(int fd, unsigned mode) { return call(SYS_fchmod, fd, mode); }
inline int statx(int dir, const char* path, int flags, unsigned mask, struct statx* result) {
  return call(SYS_statx, dir, arg(path), flags, mask, arg(result));
}
inline int faccessat(int dir, const char* path, int mode) {
  return call(SYS_faccessat, dir, arg(path), mode);
}
inline int fchdir(int fd) { return call(SYS_fchdir, fd); }
inline int chdir(const char* path) { return call(SYS_chdir, arg(path)); }
inline long getcwd(char* buffer, size_t size) { return call(SYS_getcwd, arg(buffer), size); }
inline unsigned umask(unsigned mask) { return call(SYS_umask, mask); }

inline int move_mount(int from, const char* from_path, int to, const char* to_path, unsigned flags) {
  return call(SYS_move_mount, from, arg(from_path), to, arg(to_path), flags);
}
inline int open_tree(int dir, const char* path, unsigned flags) {
  return call(SYS_open_tree, dir, arg(path), flags);
}
inline int mount_setattr(int dir, const char* path, unsigned flags, mount_attr* attributes) {
  return call(SYS_mount_setattr, dir, arg(path), flags, arg(attributes), sizeof *attributes);
}
inline int fsopen(const char* type, unsigned flags) { return call(SYS_fsopen, arg(type), flags); }
inline int fspick(int dir, const char* path, unsigned flags) {
  return call(SYS_fspick, dir, arg(path), flags);
}
inline int fsconfig(int fd, unsigned command, const char* key, const void* value, int extra) {
  return call(SYS_fsconfig, fd, command, arg(key), arg(value), extra);
}
inline int fsmount(int fd, unsigned flags, unsigned attributes) {
  return call(SYS_fsmount, fd, flags, attributes);
}
inline int pivot_root(const char* new_root, const char* put_old) {
  return call(SYS_pivot_root, arg(new_root), arg(put_old));
}
inline int umount2(const char* path, int flags) { return call(SYS_umount2, arg(path), flags); }
inline int setns(int fd, int type) { return call(SYS_setns, fd, type); }
inline int unshare(unsigned long flags) { return call(SYS_unshare, flags); }

inline int prctl(int option, unsigned long a = 0, unsigned long b = 0, unsigned long c = 0,
                 unsigned long d = 0) {
  return call(SYS_prctl, option, a, b, c, d);
}
inline int setsid() { return call(SYS_setsid); }
inline int getpid() { return call(SYS_getpid); }
inline int kill(int pid, int signal) { return call(SYS_kill, pid, signal); }
inline int pidfd_send_signal(int pidfd, int signal) {
  return call(SYS_pidfd_send_signal, pidfd, signal, 0, 0);
}
inline int wait4(int pid, int* status, int options) { return call(SYS_wait4, pid, arg(status), options, 0); }
inline int poll(pollfd* fds, unsigned count, const timespec* timeout = nullptr) {
  return call(SYS_ppoll, arg(fds), count, arg(timeout), 0, 8);
}
inline int socketpair(int type, int fds[2]) { return call(SYS_socketpair, AF_UNIX, type, 0, arg(fds)); }
inline long sendmsg(int fd, const msghdr* message, int flags) {
  return call(SYS_sendmsg, fd, arg(message), flags);
}
inline long recvmsg(int fd, msghdr* message, int flags) { return call(SYS_recvmsg, fd, arg(message), flags); }
inline int execve(const char* path, char* const* argv, char* const* envp) {
  return call(SYS_execve, arg(path), arg(argv), arg(envp));
}

struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};
inline int sigaction(int signal, const KernelSigaction* action) {
  return call(SYS_rt_sigaction, signal, arg(action), 0, 8);
}
inline int sigprocmask(int how, uint64_t mask) { return call(SYS_rt_sigprocmask, how, arg(&mask), 0, 8); }

}  // namespace rcrt::sys

// Set by compilers for struct copies and loops; launch/memory.cc.
extern "C" {
void* memcpy(void* to, const void* from, size_t size);
void* memset(void* to, int byte, size_t size);
void* memmove(void* to, const void* from, size_t size);
int memcmp(const void* left, const void* right, size_t size);
size_t strlen(const char* text);
}
