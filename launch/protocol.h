// SPDX-License-Identifier: MIT
// What client, monitor and child say to each other over SOCK_SEQPACKET sockets.
#pragma once

#include <stdint.h>

namespace rcrt::launch {

// Where the monitor finds its socket to the client.
constexpr int kControlFd = 3;
// What it is executed from. Kept open: a mount that lives by its descriptor goes with that, which
// takes the kernel as long as a grace period of RCU.
constexpr int kExecutableFd = 4;
constexpr int kFdsPerMessage = 250;

// The step that failed. The words for each are in stage_text().
enum class Stage : uint32_t {
  kNone,
  kReceivePlan,
  kMapPlan,
  kTimeNamespace,
  kJoinNamespace,
  kClone,
  kIdMap,
  kOomScore,
  kUnshare,
  kBecomeRoot,
  kLoopback,
  kPropagation,
  kAttachRoot,
  kMountTarget,
  kBindSource,
  kMount,
  kUnmount,
  kCopyUp,
  kDevice,
  kDeviceLink,
  kConsole,
  kMask,
  kReadonlyPath,
  kSysctl,
  kHostname,
  kDomainname,
  kPivot,
  kReadonlyRoot,
  kWorkingDirectory,
  kStdio,
  kRlimit,
  kScheduler,
  kIoPriority,
  kAffinity,
  kMemoryPolicy,
  kPersonality,
  kSecurityLabel,
  kNoNewPrivileges,
  kCapabilities,
  kUser,
  kSeccomp,
  kInit,
  kClientGone,
  kExec,
};

constexpr const char* stage_text(Stage stage) {
  switch (stage) {
    case Stage::kNone:
      return "cannot start the container";
    case Stage::kReceivePlan:
      return "rcrt-monitor cannot receive the plan";
    case Stage::kMapPlan:
      return "rcrt-monitor cannot read the plan";
    case Stage::kTimeNamespace:
      return "cannot make the time namespace";
    case Stage::kJoinNamespace:
      return "cannot join the namespace";
    case Stage::kClone:
      return "cannot create the container's process";
    case Stage::kIdMap:
      return "cannot map users or groups";
    case Stage::kOomScore:
      return "cannot set oomScoreAdj";
    case Stage::kUnshare:
      return "cannot make the cgroup namespace";
    case Stage::kBecomeRoot:
      return "cannot become root of the user namespace";
    case Stage::kLoopback:
      return "cannot bring up the loopback interface";
    case Stage::kPropagation:
      return "cannot set the mount propagation";
    case Stage::kAttachRoot:
      return "cannot attach the root file system";
    case Stage::kMountTarget:
      return "cannot prepare the mount point";
    case Stage::kBindSource:
      return "cannot bind the source";
    case Stage::kMount:
      return "cannot mount";
    case Stage::kUnmount:
      return "cannot unmount";
    case Stage::kCopyUp:
      return "cannot copy into the tmpfs";
    case Stage::kDevice:
      return "cannot make the device";
    case Stage::kDeviceLink:
      return "cannot make the link";
    case Stage::kConsole:
      return "cannot set up the terminal";
    case Stage::kMask:
      return "cannot mask";
    case Stage::kReadonlyPath:
      return "cannot make read-only";
    case Stage::kSysctl:
      return "cannot set the sysctl";
    case Stage::kHostname:
      return "cannot set the host name";
    case Stage::kDomainname:
      return "cannot set the domain name";
    case Stage::kPivot:
      return "cannot change the root";
    case Stage::kReadonlyRoot:
      return "cannot make the root read-only";
    case Stage::kWorkingDirectory:
      return "cannot change to the working directory";
    case Stage::kStdio:
      return "cannot set up the standard streams";
    case Stage::kRlimit:
      return "cannot set the resource limit";
    case Stage::kScheduler:
      return "cannot set the scheduler";
    case Stage::kIoPriority:
      return "cannot set the I/O priority";
    case Stage::kAffinity:
      return "cannot set the CPU affinity";
    case Stage::kMemoryPolicy:
      return "cannot set the memory policy";
    case Stage::kPersonality:
      return "cannot set the personality";
    case Stage::kSecurityLabel:
      return "cannot set the security label";
    case Stage::kNoNewPrivileges:
      return "cannot set no_new_privs";
    case Stage::kCapabilities:
      return "cannot set the capabilities";
    case Stage::kUser:
      return "cannot change to the user";
    case Stage::kSeccomp:
      return "cannot load the seccomp filter";
    case Stage::kInit:
      return "cannot start the init process";
    case Stage::kClientGone:
      return "the client went away";
    case Stage::kExec:
      return "cannot execute";
  }
  return "cannot start the container";
}

enum class Kind : uint32_t {
  // client to monitor
  kAhead = 1,  // CloneMessage, `flags` only: namespaces the process will need, to be made meanwhile
  kClone,      // CloneMessage + descriptors: the child's socket to the client; the cgroup, if any
  // client to monitor; after kClone to the child, too
  kCommit,   // CommitMessage + descriptors: the plan's memfd, then the plan's own
  kMoreFds,  // CommitMessage + further descriptors
  kGo,
  kCleanedUp,
  // monitor to client
  kStarted,   // StartedMessage + pidfd
  kExited,    // ExitedMessage
  kRecorded,  // the exit record is written, where that was left for after kExited
  // child or monitor to client
  kFailed,  // FailedMessage
  // child to client (attached) and to monitor
  kConsole,  // with the pty's master
  // child to client: the mounts are made, it waits for kGo (only with Plan::kPause)
  kPaused,
  // child to client, or to whoever starts it: ListenerMessage; it waits for kGo
  kListener,
};

// Optional, before the plan: the process is made while the client still prepares, and waits
// for the plan on its own socket. An early plan may follow in the same message: a plan::Plan
// of which mounts and unshare_flags count. The process makes these file systems meanwhile.
struct CloneMessage {
  Kind kind;
  uint32_t reports;  // the child will have something to tell the monitor (its terminal)
  uint64_t flags;    // new namespaces for clone3
};

struct CommitMessage {
  Kind kind;
  uint32_t fds;    // in this message
  uint32_t total;  // in all, the memfd included
  uint32_t size;   // of the plan
};

struct StartedMessage {
  Kind kind;
  int32_t pid;
};

struct ExitedMessage {
  Kind kind;
  int32_t exit_code;
  int32_t signal;
  int32_t oom_killed;
  int64_t finished_at;
};

struct FailedMessage {
  Kind kind;
  Stage stage;
  int32_t error;      // errno
  int32_t exit_code;  // 125, 126, 127
  char object[256];   // what it was done to
  char detail[256];   // the kernel's own words, or a hint
};

// The filter is loaded. The descriptor is the child's own number: what a filter lets through
// for sure is write, and no more.
struct ListenerMessage {
  Kind kind;
  int32_t fd;
};

struct SimpleMessage {
  Kind kind;
};

}  // namespace rcrt::launch
