// SPDX-License-Identifier: MIT
// The container's first process, from clone to exec. It carries out a plan: no
// allocation, no locks, no libc. Each step ends the process with fail() when it
// cannot do its work.
#pragma once

#include <errno.h>
#include <fcntl.h>

#include "launch/plan.h"
#include "launch/protocol.h"
#include "launch/sys.h"

namespace rcrt::launch {

struct Child {
  plan::Plan* plan;
  const int* fds;          // the descriptors that travelled with the plan
  int sync = -1;           // socket to the client: errors out, go in
  int monitor = -1;        // socket to the monitor: ids mapped in, pty out; -1 when neither is needed
  int start = -1;          // listening socket, see Plan::start_fd
  int root = -1;           // the container's root; before the pivot everything goes through it
  int shared_mounts = -1;  // the mount namespace of a container that has none of its own
  int proc = -1;           // a procfs whose type was checked
  int descriptors = -1;    // its own /proc/self/fd as the machine has it, with Plan::kMountsOnly
  bool early = false;      // what follows is there
  int early_mounts[plan::kMaxEarlyMounts];        // by place in plan->mounts
  uint64_t early_masked = 0, early_readonly = 0;  // a bit for each of the first 64 that are covered
  bool early_devices = false, early_sysctls = false;

  const char* string(plan::Str at) const { return plan::string(plan, at); }
  template <typename T>
  const T* table(plan::Table at) const {
    return plan::table<T>(plan, at);
  }
  bool has(plan::Plan::Flag flag) const { return (plan->flags & flag) != 0; }
  int fd(int index) const { return index < 0 ? -1 : fds[index]; }
};

// Reports the error (a negative errno, as sys:: returns it) and exits.
[[noreturn]] void fail(const Child& child, Stage stage, long error, const char* object = nullptr,
                       const char* detail = nullptr, int exit_code = 125);

// While the plan is still to come: what child.plan, an early one, holds.
void prepare_child(Child& child);
// Returns when the client says go. A client that is gone ends the process.
void wait_for_go(const Child& child);

// start.cc: returns when somebody has come and said go; from then on `sync` is his socket.
void wait_for_start(Child& child);

// The whole of it, in order.
[[noreturn]] void run_child(Child& child);

// namespaces.cc
void join_namespaces(const Child& child);  // those given by path
void wait_for_id_maps(const Child& child);
void loopback_up(const Child& child);     // of a new network namespace
void unshare_placed(const Child& child);  // cgroup namespace, inside the cgroup

// root.cc
void attach_root(Child& child);
void show_root(const Child& child);  // to hooks, at Plan::root_path
void pivot(Child& child);
void make_working_directory(const Child& child);
void make_root_readonly(const Child& child);

// mounts.cc
void make_mounts(Child& child);
void make_mounts_readonly(const Child& child);  // those that had to wait for what is below them
void make_early_mounts(Child& child);           // and what belongs in them

// change_mounts.cc
void keep_descriptors_in_sight(Child& child);  // before it joins the namespace whose mounts it changes
[[noreturn]] void change_mounts(Child& child);
void take_mounts_away(const Child& child);  // those made so far: all of them, or none

// copy_up.cc: copies the tree `from` into `to`; a negative errno on failure.
long copy_up(int from, int to);

// dev.cc
void make_devices(const Child& child);
// Those of an early plan, all of them directly in /dev, which is `folder`. False when some
// are left for make_devices(): the machine's must be bound.
bool make_early_devices(const Child& child, int folder);
// The attached clone of the host's /dev/null or another device; fails unless it is one.
int clone_host_device(const char* path, unsigned major, unsigned minor);

// console.cc
void make_console(const Child& child, int* slave);

// masks.cc
void mask_paths(const Child& child);
void protect_paths(const Child& child);
void cover_early_mounts(Child& child);

// sysctl.cc
void set_sysctls(Child& child);
void set_names(const Child& child);

// process.cc
void set_streams(const Child& child, int slave);
void set_limits(const Child& child);
void enter_working_directory(const Child& child, bool again);
void set_security_label(Child& child);

// identity.cc
// With `keep_admin` CAP_SYS_ADMIN stays, until give_up_admin().
void become(const Child& child, bool keep_admin);
void give_up_admin(const Child& child);
void load_seccomp(const Child& child);

// init.cc
void fork_below_init(const Child& child);

// exec.cc
void check_command(const Child& child);  // fails as execute() would when there is no such command
[[noreturn]] void execute(const Child& child);

}  // namespace rcrt::launch
