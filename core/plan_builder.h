// SPDX-License-Identifier: MIT
// An OCI runtime-spec configuration, checked and made ready: a PlanDraft still names what
// must be opened (bind sources, namespaces); write_plan() turns it, with the opened
// descriptors' places, into the flat block of launch/plan.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/json.h"

namespace rcrt {

struct PlanDraft {
  struct Mount {
    std::string where;   // "mounts[3]", for errors
    std::string target;  // relative to the root, clean
    std::string type;    // empty: a bind of `source`
    std::string source;
    std::vector<std::pair<std::string, std::optional<std::string>>> options;
    bool recursive = false;  // rbind
    bool copy_up = false;
    bool no_symlinks = false;
    uint64_t set = 0, clear = 0;                      // MOUNT_ATTR_*
    uint64_t recursive_set = 0, recursive_clear = 0;  // rro, rnosuid, ...
    uint64_t propagation = 0;                         // MS_*
    bool propagation_recursive = false;
    bool map_ids = false, map_ids_below = false;  // idmap, ridmap
    std::string uid_map, gid_map;                 // with map_ids, as linux.uidMappings
    bool early = false;                           // made before the plan was there
    bool cover = false;          // early: masked and read-only paths below it are covered then, too
    bool devices = false;        // early: the devices are made then, too
    bool remount = false;        // changes what is mounted there
    bool readonly_last = false;  // a tmpfs: read-only once all is made that may be below it
    bool bind() const { return type.empty() && !remount; }
    bool operator==(const Mount&) const = default;
  };
  struct Namespace {
    std::string where;
    uint32_t type = 0;  // CLONE_NEW*
    std::string path;   // empty: a new one
  };
  struct Device {
    std::string path;  // relative to the root
    uint32_t mode = 0, major = 0, minor = 0, uid = 0, gid = 0;
  };
  struct Rlimit {
    uint32_t resource = 0;
    uint64_t soft = 0, hard = 0;
  };
  struct Scheduler {
    uint32_t policy = 0;
    uint64_t flags = 0;
    int32_t nice = 0;
    uint32_t priority = 0;
    uint64_t runtime = 0, deadline = 0, period = 0;
  };

  // process
  std::vector<std::string> args, env;
  std::string cwd;
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> groups;
  std::optional<uint32_t> umask;
  bool terminal = false;
  std::optional<std::pair<uint16_t, uint16_t>> console_size;  // rows, columns
  bool no_new_privileges = false;
  uint64_t bounding = 0, effective = 0, permitted = 0, inheritable = 0, ambient = 0;
  std::vector<Rlimit> rlimits;
  std::optional<int> oom_score;
  std::optional<int> io_priority;
  std::optional<Scheduler> scheduler;
  std::string apparmor, selinux;
  std::vector<uint64_t> affinity;  // a bit set of CPUs; empty: as it is

  // root, mounts, names
  bool readonly_root = false;
  std::vector<Mount> mounts;
  std::optional<std::string> hostname, domainname;

  // linux
  std::vector<Namespace> namespaces;
  std::string uid_map, gid_map;  // as /proc/<pid>/uid_map wants them
  std::string time_offsets;      // as timens_offsets wants them
  std::vector<Device> devices;
  std::vector<std::pair<std::string, std::string>> links;    // path, target
  std::vector<std::pair<std::string, std::string>> sysctls;  // path below /proc/sys, value
  std::vector<std::string> masked, readonly;
  uint32_t root_propagation = 0;  // MS_*
  std::optional<uint32_t> personality;
  struct MemoryPolicy {
    int mode = 0;                 // MPOL_* and MPOL_F_*
    std::vector<uint64_t> nodes;  // a bit set
  };
  std::optional<MemoryPolicy> memory_policy;
  bool setup_dev = true;

  bool has(uint32_t type) const;     // the container does not share the caller's
  bool is_new(uint32_t type) const;  // a new one is made
  bool joins(uint32_t type) const;   // one that exists is joined
  // A process's pid namespace is made with it: in the user namespace it joins it must be already.
  bool joins_user_ahead() const;
};

// A container of its own, or a further process in one that exists.
enum class PlanFor { container, joining };

// Checks `spec` and everything in it that the launcher carries out. Unprivileged, touches nothing.
Result<PlanDraft> build_plan(const Json& spec, PlanFor purpose = PlanFor::container);

// What the configuration may name.
std::vector<std::string> known_mount_options();
std::vector<std::string> known_memory_modes();
std::vector<std::string> known_memory_flags();

// "0-3,7" as a bit set, at least one bit; nothing when it is not such a list, or beyond `most`.
inline constexpr unsigned kMaxCpus = 8192;  // of the largest kernels
std::optional<std::vector<uint64_t>> bit_set(std::string_view list, unsigned most);

// For a process that is made before its plan is there.
struct EarlyPlan {
  uint64_t namespaces = 0;               // new ones, for clone3
  std::vector<PlanDraft::Mount> mounts;  // of `spec`, in its order; the new file systems are `early`
  std::string
      block;  // a plan that holds these mounts and what belongs in them; empty when it would be too long
};
// None when something has to be prepared for the process first. Of a specification that is
// wrong it says nothing; build_plan() does.
std::optional<EarlyPlan> early_plan(const Json& spec);

// The struct sock_filter array asks an agent about some system call.
bool notifies(const std::string& filter);
// SECCOMP_FILTER_FLAG_* of the names in linux.seccomp.flags.
Result<uint32_t> seccomp_flags(const std::vector<std::string>& names);

// The places of descriptors in the message that carries the plan, and what the launcher adds.
struct PlanExtras {
  std::string id;
  std::string exit_path;
  std::vector<std::string> cleanup;
  std::string seccomp;  // struct sock_filter array
  uint32_t seccomp_flags = 0;
  bool attached = true;
  bool report_first = false;  // see LaunchRequest::remove
  bool init = false;
  bool rootless = false, user_entered = false;  // see LaunchRequest
  bool orphan = false, pause = false, no_pivot = false, keep_keyring = false;
  std::string root_path, executable;
  bool mounts_only = false, unmount = false;
  int start_fd = -1, join_fd = -1;
  uint32_t join_types = 0;
  std::vector<int> preserved;
  int fd_count = 0;
  int root_fd = -1, cgroup_fd = -1, log_fd = -1, sync_fd = -1;
  int relay_out_fd = -1, relay_err_fd = -1, client_out_fd = -1, client_err_fd = -1;
  std::array<int, 3> stdio = {-1, -1, -1};
  // One a mount, -1 for new file systems and for what the process binds by itself.
  std::vector<int> mount_fds;
  std::vector<bool> file_targets;     // one a mount
  std::vector<int> namespace_fds;     // one a namespace, -1 for new ones
  std::vector<uint64_t> caller_cpus;  // a bit set; empty: the process has them
};
std::string write_plan(const PlanDraft& draft, const PlanExtras& extras);

}  // namespace rcrt
