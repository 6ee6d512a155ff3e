// SPDX-License-Identifier: MIT
#include "core/launcher_request.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "base/pipe.h"
#include "core/id_map.h"
#include "core/plan_builder.h"
#include "launch/plan.h"

namespace rcrt {
namespace {

constexpr uint64_t kPrivate = 1 << 18, kSlave = 1 << 19;

int set_attributes(int tree, bool recursive, uint64_t set, uint64_t clear, uint64_t propagation) {
  if (set == 0 && clear == 0 && propagation == 0) return 0;
  mount_attr attributes = {};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  attributes.propagation = propagation;
  return static_cast<int>(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
                                  &attributes, sizeof attributes));
}

// A clone is a peer of a shared mount of the machine; unless the specification wants that,
// it becomes what the container's own mounts are.
Result<UniqueFd> open_bind(const PlanDraft::Mount& mount, uint32_t root_propagation) {
  UniqueFd tree(
      static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, mount.source.c_str(),
                               OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (mount.recursive ? AT_RECURSIVE : 0))));
  if (!tree) return errno_error("cannot bind the source of " + mount.where, mount.source);
  uint64_t usual = root_propagation & (kPrivate | kSlave);
  uint64_t below = mount.propagation_recursive ? mount.propagation : usual;
  if (set_attributes(tree.get(), true, mount.recursive_set, mount.recursive_clear, below) != 0 ||
      set_attributes(tree.get(), false, mount.set, mount.clear,
                     mount.propagation_recursive ? 0 : mount.propagation) != 0)
    return errno_error("cannot set the options of " + mount.where, mount.source);
  return tree;
}

// A mount namespace lists its mounts in the order in which they were made: as the
// specification has them when the process itself makes all. It cannot where the way to the
// source, or what is there, is closed to it, or where the clone has to be a peer of the machine's.
bool binds_inside(const PlanDraft& draft, const PlanDraft::Mount& mount) {
  return draft.is_new(CLONE_NEWNS) && !draft.has(CLONE_NEWUSER) && !mount.map_ids &&
         (draft.root_propagation & (kPrivate | kSlave)) != 0 && !mount.source.starts_with("/proc/");
}

Result<UniqueFd> open_namespace(const PlanDraft::Namespace& space) {
  UniqueFd fd(open(space.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return errno_error("cannot open the namespace of " + space.where, space.path);
  struct statfs file_system;
  if (fstatfs(fd.get(), &file_system) != 0) return errno_error("cannot look at the namespace", space.path);
  if (file_system.f_type != NSFS_MAGIC) return error("not a namespace: " + space.where, space.path);
  int type = ioctl(fd.get(), NS_GET_NSTYPE);
  if (type != static_cast<int>(space.type))
    return error("a namespace of another type: " + space.where, space.path);
  return fd;
}

Result<std::string> read_filter(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return errno_error("cannot look at the seccomp filter");
  if (status.st_size % 8 != 0 || status.st_size == 0 || status.st_size / 8 > 65535)
    return error("not a seccomp filter: the file's size is " + std::to_string(status.st_size));
  std::string filter(static_cast<size_t>(status.st_size), '\0');
  if (pread(fd, filter.data(), filter.size(), 0) != static_cast<ssize_t>(filter.size()))
    return errno_error("cannot read the seccomp filter");
  return filter;
}

// A filter that asks an agent has a listener; one flag is for such filters only.
Result<void> ask_for_listener(PlanExtras& extras, bool wanted) {
  if (!notifies(extras.seccomp)) {
    extras.seccomp_flags &= ~static_cast<uint32_t>(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    return {};
  }
  if (!wanted)
    return error("the seccomp profile has SCMP_ACT_NOTIFY, but nobody would be notified", {},
                 "set linux.seccomp.listenerPath of a bundle's config.json");
  extras.seccomp_flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  return {};
}

// Descriptors in the order in which they will travel.
class Places {
 public:
  explicit Places(PreparedLaunch& prepared) : prepared_(prepared) {}

  int borrow(int fd) {
    if (fd < 0) return -1;
    prepared_.fds.push_back(fd);
    return static_cast<int>(prepared_.fds.size()) - 1;
  }
  int own(UniqueFd fd) {
    int place = borrow(fd.get());
    if (fd) prepared_.owned.push_back(std::move(fd));
    return place;
  }

 private:
  PreparedLaunch& prepared_;
};

Result<void> open_log(const LaunchRequest& request, PlanExtras& extras, Places& places) {
  if (request.log_path.empty()) return {};
  UniqueFd log(open(request.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!log) return errno_error("cannot open the log", request.log_path);
  extras.log_fd = places.own(std::move(log));
  return {};
}

// A pipe the monitor reads from, without waiting, and the container writes to.
Result<void> make_relay(int& write_place, int& read_place, Places& places) {
  RCRT_ASSIGN(Pipe relay, make_pipe());
  if (fcntl(relay.read_end.get(), F_SETFL, O_NONBLOCK) != 0) return errno_error("cannot set up a pipe");
  write_place = places.own(std::move(relay.write_end));
  read_place = places.own(std::move(relay.read_end));
  return {};
}

// A pipe that is its own writer: who reads from it waits.
Result<UniqueFd> endless_input() {
  RCRT_ASSIGN(const Pipe pipe, make_pipe());
  UniqueFd both(open(("/proc/self/fd/" + std::to_string(pipe.read_end.get())).c_str(), O_RDWR | O_CLOEXEC));
  if (!both) return errno_error("cannot open a pipe");
  return both;
}

Result<void> place_streams(const LaunchRequest& request, bool terminal, PlanExtras& extras, Places& places) {
  RCRT_TRY(open_log(request, extras, places));
  if (terminal) return {};
  if (request.open_input) {
    RCRT_ASSIGN(UniqueFd input, endless_input());
    extras.stdio[0] = places.own(std::move(input));
  } else {
    extras.stdio[0] = places.borrow(request.stdio[0]);
  }
  if (request.log_path.empty()) {
    extras.stdio[1] = places.borrow(request.stdio[1]);
    extras.stdio[2] = places.borrow(request.stdio[2]);
    return {};
  }
  RCRT_TRY(make_relay(extras.stdio[1], extras.relay_out_fd, places));
  RCRT_TRY(make_relay(extras.stdio[2], extras.relay_err_fd, places));
  if (request.attached) {
    extras.client_out_fd = places.borrow(request.stdio[1]);
    extras.client_err_fd = places.borrow(request.stdio[2]);
  }
  return {};
}

Result<std::string> absolute(const std::string& path) {
  std::error_code code;
  auto result = std::filesystem::absolute(path, code);
  if (code) return error("cannot make the path absolute", path, {}, code.value());
  return result.string();
}

std::vector<uint64_t> words_of(const cpu_set_t& cpus) {
  std::vector<uint64_t> words(sizeof cpus / sizeof(uint64_t));
  memcpy(words.data(), &cpus, sizeof cpus);
  return words;
}

}  // namespace

Result<void> make_socket_pair(UniqueFd& ours, UniqueFd& theirs) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return errno_error("cannot make a socket pair");
  ours.reset(pair[0]);
  theirs.reset(pair[1]);
  return {};
}

Result<PreparedLaunch> prepare_launch(LaunchRequest&& request,
                                      const std::optional<std::vector<PlanDraft::Mount>>& cloned,
                                      const std::optional<cpu_set_t>& cpus) {
  const bool joins = request.join.types != 0;
  RCRT_ASSIGN(PlanDraft draft, build_plan(request.spec, joins ? PlanFor::joining : PlanFor::container));
  if (!request.root && !joins) return error("cannot start the container: it has no root");
  if (request.cleanup_command.size() > 62) return error("the clean-up command is too long");

  if (draft.joins_user_ahead() && !request.orphan)
    return error("cannot join a user namespace", {}, "join a pid namespace with it, or use rcrt-oci",
                 ENOTSUP);

  if (request.user_entered)
    std::erase_if(draft.namespaces, [](auto& space) { return space.type == CLONE_NEWUSER; });

  PreparedLaunch prepared;
  prepared.new_network = draft.is_new(CLONE_NEWNET);
  if (request.networks_follow && prepared.new_network)
    prepared.interface_sysctls = take_interface_sysctls(draft.sysctls);
  Places places(prepared);
  PlanExtras extras;
  extras.id = request.id;
  extras.cleanup = request.cleanup_command;
  extras.attached = request.attached;
  extras.report_first = prepared.record_follows = request.attached && request.remove;
  extras.init = request.init;
  extras.orphan = request.orphan;
  extras.rootless = request.rootless;
  extras.user_entered = request.user_entered;
  extras.pause = request.pause;
  extras.root_path = request.root_path;
  extras.no_pivot = request.no_pivot;
  extras.keep_keyring = request.keep_keyring;
  extras.executable = request.executable;
  extras.mounts_only = request.mounts_only != MountsOnly::no;
  extras.unmount = request.mounts_only == MountsOnly::remove;
  if (cpus) extras.caller_cpus = words_of(*cpus);
  if (!request.exit_path.empty()) {
    RCRT_ASSIGN(extras.exit_path, absolute(request.exit_path));
  }
  if (request.seccomp) {
    RCRT_ASSIGN(extras.seccomp, read_filter(request.seccomp.get()));
    RCRT_ASSIGN(extras.seccomp_flags, seccomp_flags(request.seccomp_flags));
    RCRT_TRY(ask_for_listener(extras, static_cast<bool>(request.listener)));
  }
  if (!cloned) {
    UniqueFd theirs;
    RCRT_TRY(make_socket_pair(prepared.sync, theirs));
    extras.sync_fd = places.own(std::move(theirs));
    extras.cgroup_fd = places.own(std::move(request.cgroup));
  }
  extras.root_fd = places.own(std::move(request.root));
  extras.start_fd = places.own(std::move(request.start_listener));
  extras.join_fd = places.own(std::move(request.join.pidfd));
  extras.join_types = request.join.types;
  for (int fd : request.preserve) extras.preserved.push_back(places.borrow(fd));
  RCRT_TRY(place_streams(request, draft.terminal, extras, places));

  for (size_t i = 0; cloned && i < cloned->size() && i < draft.mounts.size(); ++i) {
    draft.mounts[i].early = (*cloned)[i].early;
    draft.mounts[i].cover = (*cloned)[i].cover;
    draft.mounts[i].devices = (*cloned)[i].devices;
    // What was done to the early one (masks, devices) counts as done.
    if (draft.mounts[i].early && draft.mounts[i] != (*cloned)[i])
      return error("a mount was made early and is now asked for otherwise", draft.mounts[i].where);
  }
  UserNamespaces user_namespaces;
  for (auto& mount : draft.mounts) {
    if (mount.remount && request.mounts_only == MountsOnly::add)
      return error("invalid configuration: " + mount.where + ".options", "remount",
                   "only new mounts can be added", EINVAL);
    extras.mount_fds.push_back(-1);
    extras.file_targets.push_back(false);
    if (!mount.bind() || (request.orphan && !request.user_entered && binds_inside(draft, mount))) continue;
    RCRT_ASSIGN(UniqueFd tree, open_bind(mount, draft.root_propagation));
    if (mount.map_ids) {
      RCRT_ASSIGN(int users, user_namespaces.get(mount.uid_map, mount.gid_map));
      RCRT_TRY(map_ids(tree.get(), users, mount.map_ids_below, mount.source));
    }
    struct stat status;
    if (fstat(tree.get(), &status) != 0)
      return errno_error("cannot look at the source of " + mount.where, mount.source);
    extras.file_targets.back() = !S_ISDIR(status.st_mode);
    extras.mount_fds.back() = places.own(std::move(tree));
  }
  for (auto& space : draft.namespaces) {
    extras.namespace_fds.push_back(-1);
    if (space.path.empty()) continue;
    RCRT_ASSIGN(UniqueFd fd, open_namespace(space));
    extras.namespace_fds.back() = places.own(std::move(fd));
  }
  if (prepared.fds.size() > plan::kMaxFds)
    return error("too many mounts: " + std::to_string(draft.mounts.size()), {},
                 "bind a folder that holds them");
  extras.fd_count = static_cast<int>(prepared.fds.size());
  prepared.plan = write_plan(draft, extras);
  return prepared;
}

}  // namespace rcrt
