// SPDX-License-Identifier: MIT
// The plan: everything a container's first process has to do, flattened into one
// position-independent block. Written by core/plan_builder, carried in a memfd, read
// by rcrt-monitor and the child without allocating.
//
// A Str is the offset of a NUL-terminated string, a Table the offset and count of an
// array, both from the start of the block; offset 0 means absent. An `fd` is an index
// into the descriptors that travel with the plan, -1 for none.
#pragma once

#include <stdint.h>

namespace rcrt::plan {

constexpr uint32_t kMagic = 0x6e6c7072;  // "rpln"
constexpr uint32_t kVersion = 7;
constexpr int kMaxEarlyMounts = 32;
constexpr int kMaxEarlyPlan = 8192;  // bytes
constexpr int kMaxFds = 1024;        // descriptors that may travel with one plan

using Str = uint32_t;
struct Table {
  uint32_t offset;
  uint32_t count;
};

struct Option {
  Str key;
  Str value;  // 0: the option is a flag
};

struct Mount {
  enum Flag : uint32_t {
    kNoSymlinks = 1,  // no component of the target may be a symbolic link (/proc, /sys)
    kTmpCopyUp = 2,   // fill the new tmpfs with what the target held
    kFileTarget = 4,  // a missing target is created as a file
    kIsProc = 8,
    kEarly = 16,       // made when the early plan came; to be made, in that plan
    kCover = 32,       // early, "proc" or "sys": sysctls, masked and read-only paths below it come with it
    kDevices = 64,     // early, "dev": so can devices and links be made
    kRemount = 128,    // changes what is mounted on the target
    kBind = 256,       // a clone of what `source` is in the process's own mount namespace
    kRecursive = 512,  // and of all below it
    kUnmount = 1024,   // the mount on the target goes
    kReadonlyLast = 2048,  // read-only when all else is made, which may be below it
  };
  uint32_t flags;
  int32_t fd;  // a detached mount to attach, or -1: make `type`
  Str target;  // relative to the root, without "..", "." or a leading slash
  Str type;
  Str source;
  Table options;                            // of Option
  uint64_t attributes;                      // MOUNT_ATTR_* of a new file system
  uint64_t cleared;                         // MOUNT_ATTR_* taken away, with kRemount and kBind
  uint64_t propagation;                     // MS_SHARED, ... or 0
  uint64_t recursive_set, recursive_clear;  // MOUNT_ATTR_* put on the whole tree when attached
  uint32_t propagation_recursive;
  int32_t made;  // for the process itself: the mount that it may need again, or -1
};

struct Device {
  Str path;       // relative to the root
  uint32_t mode;  // S_IFCHR|0666
  uint32_t major, minor;
  uint32_t uid, gid;
};

struct Link {
  Str path;  // relative to the root
  Str target;
};

struct Sysctl {
  Str path;  // relative to /proc/sys
  Str value;
};

struct Rlimit {
  uint64_t resource, soft, hard;
};

struct JoinNamespace {
  int32_t fd;     // a namespace, or with several types a pidfd of a process in them
  uint32_t type;  // CLONE_NEW*
};

struct Plan {
  uint32_t magic, version, size, fd_count;

  enum Flag : uint64_t {
    kOwnMountNs = 1 << 0,  // new, or joined before the root is attached
    kReadonlyRoot = 1 << 1,
    kNoNewPrivileges = 1 << 2,
    kTerminal = 1 << 3,
    kAttached = 1 << 4,
    kInit = 1 << 5,
    kSetUmask = 1 << 6,
    kConsoleSize = 1 << 7,
    kSeccomp = 1 << 8,
    kCapabilities = 1 << 9,
    kOomScore = 1 << 10,
    kIoPriority = 1 << 11,
    kScheduler = 1 << 12,
    kPersonality = 1 << 13,
    kSetupDev = 1 << 14,
    kUserNamespace = 1 << 15,  // of the process: root in it is not the machine's
    kRelayOutput = 1 << 16,
    kReportFirst = 1 << 17,  // the exit is told before it is recorded
    kOrphan = 1 << 18,       // the process is the client's own child; the monitor ends once it is made
    kPause = 1 << 19,        // waits for the client once more, when the mounts are made
    kKeepKeyring = 1 << 20,  // no session keyring of its own
    kNoPivot = 1 << 21,      // chroot instead, for a machine whose root cannot be left
    kMemoryPolicy = 1 << 22,
    kUserAhead = 1 << 23,   // the monitor itself joins the user namespace, to which new ones must belong,
                            // or was started in it
    kMountsOnly = 1 << 24,  // the process changes the mounts of where it is, and ends
  };
  uint64_t flags;

  // For the monitor.
  Str exit_path, exit_temporary;
  Str id;
  Table cleanup;                       // of Str
  uint64_t clone_flags;                // new namespaces for clone3
  uint64_t unshare_flags;              // made by the child itself, after it is placed
  int32_t relay_out_fd, relay_err_fd;  // read ends of the pipes that are stdout and stderr
  int32_t cgroup_fd, log_fd;
  int32_t client_out_fd, client_err_fd;  // where relayed output goes too
  Str uid_map, gid_map, time_offsets;
  int32_t oom_score;
  int32_t sync_fd;   // the child's socket to the client
  int32_t start_fd;  // a listening socket: who connects to it says go once more, or -1

  // The root.
  int32_t root_fd;
  uint32_t root_propagation;  // MS_SLAVE | MS_REC, ...
  Str root_path;              // with kPause: where the root is meanwhile, in the old one
  Table join;                 // of JoinNamespace
  Table mounts;               // of Mount
  Table devices;              // of Device
  Table links;                // of Link
  Table masked, readonly;     // of Str, relative to the root
  Table sysctls;              // of Sysctl
  Str hostname, domainname;
  Str cwd;          // absolute
  Str cwd_in_root;  // the same, relative to the root

  // The process.
  int32_t stdio[3];
  uint16_t console_rows, console_columns;
  uint32_t reserved;
  Table args, env;      // of Str
  uint32_t argv, envp;  // room for args.count + 1, env.count + 1 pointers
  Str search_path;      // PATH of env
  Str executable;       // what is executed, when it is not args[0]
  Table preserved;      // of int32_t: descriptors that become 3, 4, ... in the container
  uint32_t uid, gid, umask;
  Table groups;  // of uint32_t
  uint64_t cap_bounding, cap_effective, cap_permitted, cap_inheritable, cap_ambient;
  Table rlimits;  // of Rlimit
  Table seccomp;  // of struct sock_filter
  uint32_t seccomp_flags;
  uint32_t personality;
  int32_t io_priority;
  int32_t memory_policy;         // MPOL_* and MPOL_F_*
  Table memory_nodes, affinity;  // of uint64_t: bit sets
  Table caller_cpus;      // the same: those that the monitor, and so the process, was kept off are back
  Str apparmor, selinux;  // what to write into attr/exec
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } scheduler;  // the kernel's struct sched_attr, version 0
};

inline const char* string(const Plan* plan, Str at) {
  return at == 0 ? nullptr : reinterpret_cast<const char*>(plan) + at;
}
template <typename T>
const T* table(const Plan* plan, Table table) {
  return reinterpret_cast<const T*>(reinterpret_cast<const char*>(plan) + table.offset);
}

}  // namespace rcrt::plan
