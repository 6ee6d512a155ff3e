// SPDX-License-Identifier: MIT
// Starts a container's process under rcrt-monitor, from an OCI runtime-spec
// configuration and the descriptors the plugins prepared.
//
//   auto launcher = Launcher::start(monitor_path);   // early: overlaps with preparing
//   launcher->clone(spec, cgroup);                   // optional: so does making the namespaces
//   launcher->commit(std::move(request));            // process exists, namespaces made
//   ... attach the network to launcher->process().netns ...
//   launcher->go();                                  // execve done, or an Error
//   launcher->wait();                                // only when attached
//
// rcrt-monitor is the container's parent. When the Launcher is destroyed, or its
// process killed, before go(), the monitor kills the half-made container and runs
// the clean-up command; after go() the container lives on.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"

namespace rcrt {

// Takes the listener of a seccomp filter that notifies an agent: the filter is loaded, and the
// command is executed when this returns.
using ListenerSink = std::function<Result<void>(UniqueFd listener)>;

// Instead of executing a command: the mounts of the specification are made, or those on their
// targets go, in the namespaces that are joined.
enum class MountsOnly { no, add, remove };

struct LaunchRequest {
  std::string id;
  Json spec;                               // OCI runtime-spec config; says all of what the container is
  UniqueFd root;                           // detached mount of the root
  UniqueFd cgroup;                         // cgroup v2 directory; may be invalid
  UniqueFd seccomp;                        // file holding a struct sock_filter array; may be invalid
  std::vector<std::string> seccomp_flags;  // "SECCOMP_FILTER_FLAG_LOG", ...

  // The three standard streams, borrowed; -1 is /dev/null. Ignored when the spec
  // asks for a terminal: then the pty's master is console() here (attached), or
  // drained into log_path by the monitor (detached).
  std::array<int, 3> stdio = {-1, -1, -1};
  // Instead of stdio[0], standard input to which nobody writes and which does not end.
  bool open_input = false;
  // When set, stdout and stderr are pipes the monitor drains into this file
  // (created 0600, appended) and, if attached, into stdio[1] and stdio[2] too.
  std::string log_path;
  bool attached = true;

  std::string work_dir;   // this container's folder in /run; the launcher needs nothing in it: the
                          // root is stacked on "/" of the container's own mount namespace
  std::string exit_path;  // where the exit record goes (see ExitRecord)
  // Executed by the monitor in its own place when the container is gone, unless the
  // client said cleaned_up() or the list is empty. argv[0] is an absolute path.
  std::vector<std::string> cleanup_command;
  bool remove = false;  // it is removed once it has ended: an attached client is told before the disk
  bool networks_follow = false;  // the caller attaches them before go(): sysctls of interfaces wait
  bool init = false;             // run a minimal init as process 1 that reaps and forwards signals

  // For rcrt-oci, where somebody else watches the process: it becomes the caller's own
  // child, and rcrt-monitor ends once it is made. No log, exit record or clean-up then.
  bool orphan = false;
  bool rootless = false;      // the caller is not the machine's root
  bool user_entered = false;  // and is in the user namespace that the specification asks for
  bool pause = false;         // stop when the mounts are made: wait_for_pause(), resume()
  std::string root_path;      // where the root is to be found meanwhile
  UniqueFd start_listener;    // after go() the process waits for somebody who connects and says go
  std::vector<int> preserve;  // borrowed; become 3, 4, ... in the container
  bool no_pivot = false;      // chroot instead of pivot_root
  bool keep_keyring = false;  // no session keyring of its own
  MountsOnly mounts_only = MountsOnly::no;
  std::string executable;  // executed instead of process.args[0]
  ListenerSink listener;   // for a seccomp filter that notifies an agent
  // Instead of a root and namespaces of its own: those of the process behind a pidfd.
  struct Join {
    UniqueFd pidfd;
    uint32_t types = 0;  // CLONE_NEW*
  } join;
};

// The container's first process. Known by pidfd, or by pid and start time.
struct ContainerProcess {
  pid_t pid = -1;           // in our pid namespace
  uint64_t start_time = 0;  // field 22 of /proc/<pid>/stat
  pid_t monitor_pid = -1;
  uint64_t monitor_start_time = 0;
  UniqueFd pidfd;
  UniqueFd netns;  // its network namespace (invalid if the spec makes none)
};

// How a container ended. The file at exit_path holds it as one JSON object with
// these members, written to a temporary name and renamed.
struct ExitRecord {
  int exit_code = 0;        // "exitCode": as a shell reports it: status, or 128 + signal
  int signal = 0;           // "signal": 0 when it exited by itself
  bool oom_killed = false;  // "oomKilled": memory.events of the cgroup says so
  int64_t finished_at = 0;  // "finishedAt": nanoseconds since the epoch
  bool lost = false;        // "lost", if true: nobody saw how it ended
};

// Reads the exit record; an Error with code ENOENT when the container has not ended.
Result<ExitRecord> read_exit_record(const std::string& path);

// Says go to a process that waits at its start_listener, to which `socket` is connected;
// returns when it has executed its command, or its Error. `pidfd` is its own, borrowed.
Result<void> start_waiting(int socket, int pidfd, const ListenerSink& listener);

class Launcher {
 public:
  // `expected` are network, ipc and uts namespaces (CLONE_NEW*) that the container will most
  // likely need: they are made meanwhile. It is a hint, and a wrong one costs only time.
  static Result<Launcher> start(const std::string& monitor_path, uint64_t expected = 0);
  Launcher(Launcher&&) noexcept;
  Launcher& operator=(Launcher&&) noexcept;
  ~Launcher();

  // Has the process made at once, if `spec` makes that possible (else commit() does it): its
  // linux.namespaces, linux.devices, linux.sysctl and process.terminal are what the specification of
  // commit() will say; masked and read-only paths may be added at the end.
  // It is placed in `cgroup` (borrowed; -1 for none), and waits for commit().
  Result<void> clone(const Json& spec, int cgroup);

  // Turns the configuration into a plan, hands it to the monitor, and returns when the
  // process exists in its new namespaces. It does not execute anything before go().
  // Takes the request's descriptors; its specification is left as it is.
  Result<ContainerProcess*> commit(LaunchRequest&& request);

  // With `pause`: returns when the mounts are made, and lets the process go on.
  Result<void> wait_for_pause();
  Result<void> resume();

  // Lets the process execute its command. The Error of a stage that failed names the
  // stage and the object; exit_code is 127 when the command does not exist, 126 when it
  // cannot be executed, 125 otherwise.
  Result<void> go();

  // The pty's master when the spec asks for a terminal and a client is attached, else -1.
  // Valid after go(). Borrowed.
  int console() const;

  // Becomes readable when the container has ended; for a client's poll loop.
  int exit_event() const;
  // Blocks until the container has ended.
  Result<ExitRecord> wait();

  // rcrt-monitor, from start() on.
  pid_t monitor_pid() const;

  // Blocks until the monitor writes nothing more, after wait(): the clean-up may begin.
  void settle();
  // Tells the monitor that the clean-up has been done here.
  void cleaned_up();

 private:
  Launcher();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rcrt
