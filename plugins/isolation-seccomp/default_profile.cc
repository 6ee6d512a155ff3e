// SPDX-License-Identifier: MIT
// The built-in profile: an allow list, refusing with EPERM what is known and not on
// it, and with ENOSYS what is newer than the list (see enosys_prelude in compile.h).
//
// Left out, for every container: what loads code into the kernel or replaces it,
// changes the clock, swap, quota or accounting, the kernel keyring (which has no
// namespaces), io_uring (it does the work of other system calls unseen by a filter),
// userfaultfd, NUMA page moving of others, and obsolete calls no C library makes.
// A capability brings back the calls that are useless without it.
#include <cerrno>
#include <string_view>

#include "profile.h"

namespace rcrt::seccomp {
namespace {

struct Group {
  const char* names;
  const char* capability = nullptr;     // only with this capability
  const char* architectures = nullptr;  // only there, Go's names
};

constexpr Group kGroups[] = {
    // Files by path.
    {"access chdir chmod chown chown32 creat faccessat faccessat2 fchmodat fchmodat2 fchownat fstatat64 "
     "futimesat "
     "getcwd lchown lchown32 link linkat lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at "
     "newfstatat "
     "open openat openat2 readlink readlinkat rename renameat renameat2 rmdir stat stat64 statfs statfs64 "
     "statx "
     "symlink symlinkat truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes"},
    // Extended attributes.
    {"fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat "
     "llistxattr "
     "lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat"},
    // Descriptors.
    {"_llseek cachestat close close_range copy_file_range dup dup2 dup3 fadvise64 fadvise64_64 fallocate "
     "fchdir "
     "fchmod fchown fchown32 fcntl fcntl64 fdatasync flock fstat fstat64 fstatfs fstatfs64 fsync ftruncate "
     "ftruncate64 getdents getdents64 ioctl lseek memfd_create memfd_secret pipe pipe2 pread64 preadv "
     "preadv2 "
     "pwrite64 pwritev pwritev2 read readahead readv sendfile sendfile64 splice sync sync_file_range syncfs "
     "tee "
     "vmsplice write writev"},
    // Waiting on descriptors; timers and events as descriptors; POSIX aio's native cousin.
    {"_newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
     "epoll_wait_old eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 "
     "inotify_rm_watch "
     "io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit poll ppoll "
     "ppoll_time64 pselect6 pselect6_time64 select signalfd signalfd4 timerfd_create timerfd_gettime "
     "timerfd_gettime64 timerfd_settime timerfd_settime64"},
    // Memory.
    {"brk madvise map_shadow_stack membarrier mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap mseal "
     "msync "
     "munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease remap_file_pages"},
    // Processes and threads. clone, clone3, unshare and setns: below.
    {"capget capset execve execveat exit exit_group fork futex futex_requeue futex_time64 futex_wait "
     "futex_waitv "
     "futex_wake get_robust_list get_thread_area getcpu getpgid getpgrp getpid getppid getpriority getrlimit "
     "getrusage getsid gettid kill landlock_add_rule landlock_create_ruleset landlock_restrict_self "
     "pidfd_open "
     "pidfd_send_signal prctl prlimit64 process_vm_readv process_vm_writev ptrace restart_syscall rseq "
     "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam "
     "sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr "
     "sched_setparam sched_setscheduler sched_yield seccomp set_robust_list set_thread_area set_tid_address "
     "setpgid setpriority setrlimit setsid tgkill tkill ugetrlimit vfork wait4 waitid waitpid"},
    {"ioprio_get ioprio_set"},
    // Who one is.
    {"getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32 "
     "getresuid "
     "getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups "
     "setgroups32 "
     "setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32"},
    // Signals.
    {"alarm pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend "
     "rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack signal sigaction sigpending "
     "sigprocmask "
     "sigreturn sigsuspend"},
    // Time, read only; adjtimex without CAP_SYS_TIME only reads.
    {"adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
     "clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create "
     "timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 times"},
    // Sockets; socket itself: below.
    {"accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg "
     "recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair"},
    // System V and POSIX IPC.
    {"ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
     "mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop "
     "semtimedop_time64 shmat shmctl shmdt shmget"},
    // The system.
    {"getrandom sysinfo uname"},

    // What belongs to one architecture.
    {"arch_prctl", nullptr, "amd64 x32"},
    {"modify_ldt", nullptr, "amd64 x32 x86"},
    {"arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2", nullptr,
     "arm arm64"},
    {"riscv_flush_icache", nullptr, "riscv64"},

    // What a capability brings.
    {"open_by_handle_at", "CAP_DAC_READ_SEARCH"},
    {"bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick listmount lookup_dcookie "
     "lsm_get_self_attr "
     "lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree open_tree_attr "
     "perf_event_open "
     "quotactl quotactl_fd setdomainname sethostname setns statmount syslog umount umount2 unshare",
     "CAP_SYS_ADMIN"},
    {"reboot", "CAP_SYS_BOOT"},
    {"chroot", "CAP_SYS_CHROOT"},
    {"delete_module finit_module init_module", "CAP_SYS_MODULE"},
    {"acct", "CAP_SYS_PACCT"},
    {"kcmp pidfd_getfd process_madvise", "CAP_SYS_PTRACE"},
    {"ioperm iopl", "CAP_SYS_RAWIO"},
    {"clock_settime clock_settime64 settimeofday stime", "CAP_SYS_TIME"},
    {"vhangup", "CAP_SYS_TTY_CONFIG"},
    {"get_mempolicy mbind set_mempolicy set_mempolicy_home_node", "CAP_SYS_NICE"},
    {"syslog", "CAP_SYSLOG"},
    {"bpf", "CAP_BPF"},
    {"perf_event_open", "CAP_PERFMON"},
};

// The flags of clone(2) that make namespaces: mount, cgroup, UTS, IPC, user, PID, network.
constexpr uint64_t kNamespaceFlags =
    0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000;
// personality(2): Linux and its 32-bit self, with and without the 2.6 version number,
// and asking what is set.
constexpr uint64_t kPersonalities[] = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};
constexpr uint64_t kVsock = 40;  // AF_VSOCK: reaches the hypervisor from any namespace

// Raise when code below changes what the groups above mean.
constexpr uint64_t kCodeVersion = 1;

constexpr uint64_t fnv(uint64_t hash, std::string_view text) {
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return (hash ^ 0xff) * 0x100000001b3ull;
}

constexpr uint64_t kVersion = [] {
  uint64_t hash = 0xcbf29ce484222325ull ^ kCodeVersion;
  for (const Group& group : kGroups) {
    hash = fnv(hash, group.names);
    hash = fnv(hash, group.capability ? group.capability : "");
    hash = fnv(hash, group.architectures ? group.architectures : "");
  }
  return hash;
}();

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> list;
  while (!text.empty()) {
    std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    list.emplace_back(word);
  }
  return list;
}

bool lists(const char* list, const std::string& word) {
  for (const auto& w : words(list))
    if (w == word) return true;
  return false;
}

}  // namespace

uint64_t default_profile_version() { return kVersion; }

Profile default_profile(const Target& target) {
  Profile profile;
  profile.default_action = Action::kErrno;
  profile.default_errno = EPERM;
  if (target.architecture == "amd64") profile.architectures = {"x86", "x32"};
  if (target.architecture == "arm64") profile.architectures = {"arm"};
  for (const Group& group : kGroups) {
    if (group.capability && !target.capabilities.contains(group.capability)) continue;
    if (group.architectures && !lists(group.architectures, target.architecture)) continue;
    profile.rules.push_back({words(group.names), Action::kAllow, 0, {}});
  }
  for (uint64_t value : kPersonalities)
    profile.rules.push_back({{"personality"}, Action::kAllow, 0, {{0, Compare::kEqual, value, 0}}});
  profile.rules.push_back({{"socket"}, Action::kAllow, 0, {{0, Compare::kNotEqual, kVsock, 0}}});
  if (!target.capabilities.contains("CAP_SYS_ADMIN")) {
    profile.rules.push_back({{"clone"}, Action::kAllow, 0, {{0, Compare::kMaskedEqual, kNamespaceFlags, 0}}});
    // clone3 keeps its flags in memory a filter cannot read. With ENOSYS the C library
    // falls back to clone.
    profile.rules.push_back({{"clone3"}, Action::kErrno, ENOSYS, {}});
  }
  return profile;
}

}  // namespace rcrt::seccomp
