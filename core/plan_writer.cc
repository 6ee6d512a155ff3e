// SPDX-License-Identifier: MIT
// write_plan(): a draft and the places of its descriptors -> the flat block.
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <string.h>

#include <tuple>

#include "core/plan_builder.h"
#include "launch/plan.h"

namespace rcrt {
namespace {

class Writer {
 public:
  Writer() : block_(sizeof(plan::Plan), '\0') {}

  plan::Str text(const std::string& text) {
    auto at = static_cast<plan::Str>(block_.size());
    block_.append(text.c_str(), text.size() + 1);
    return at;
  }
  plan::Str text_or_none(const std::string& value) { return value.empty() ? 0 : text(value); }

  template <typename T>
  plan::Table table(const std::vector<T>& items) {
    return raw(items.data(), items.size() * sizeof(T), items.size());
  }
  plan::Table raw(const void* data, size_t size, size_t count) {
    align();
    plan::Table table{static_cast<uint32_t>(block_.size()), static_cast<uint32_t>(count)};
    if (size > 0) block_.append(static_cast<const char*>(data), size);
    return table;
  }
  plan::Table texts(const std::vector<std::string>& items) {
    std::vector<plan::Str> at;
    for (auto& item : items) at.push_back(text(item));
    return table(at);
  }
  uint32_t room(size_t size) {
    align();
    auto at = static_cast<uint32_t>(block_.size());
    block_.append(size, '\0');
    return at;
  }
  std::string finish(plan::Plan& plan) {
    plan.size = static_cast<uint32_t>(block_.size());
    memcpy(block_.data(), &plan, sizeof plan);
    return std::move(block_);
  }

 private:
  void align() { block_.resize((block_.size() + 7) / 8 * 8); }
  std::string block_;
};

void write_mounts(const PlanDraft& draft, const PlanExtras& extras, Writer& writer, plan::Plan& plan) {
  std::vector<plan::Mount> mounts;
  for (size_t i = 0; i < draft.mounts.size(); ++i) {
    auto& from = draft.mounts[i];
    std::vector<plan::Option> options;
    for (auto& [key, value] : from.options)
      options.push_back({writer.text(key), value ? writer.text(*value) : 0});
    plan::Mount to = {};
    if (from.no_symlinks) to.flags |= plan::Mount::kNoSymlinks;
    if (from.early) to.flags |= plan::Mount::kEarly;
    if (from.cover) to.flags |= plan::Mount::kCover;
    if (from.devices) to.flags |= plan::Mount::kDevices;
    if (from.copy_up) to.flags |= plan::Mount::kTmpCopyUp;
    if (extras.unmount) to.flags |= plan::Mount::kUnmount;
    if (from.remount) to.flags |= plan::Mount::kRemount;
    if (from.readonly_last) to.flags |= plan::Mount::kReadonlyLast;
    const uint64_t later = from.readonly_last ? MOUNT_ATTR_RDONLY : 0;
    if (from.type == "proc") to.flags |= plan::Mount::kIsProc;
    if (i < extras.file_targets.size() && extras.file_targets[i]) to.flags |= plan::Mount::kFileTarget;
    to.fd = i < extras.mount_fds.size() ? extras.mount_fds[i] : -1;
    to.target = writer.text(from.target);
    to.type = writer.text_or_none(from.type);
    const bool bound_inside = from.bind() && i < extras.mount_fds.size() && to.fd < 0;
    if (bound_inside) to.flags |= plan::Mount::kBind;
    if (bound_inside && from.recursive) to.flags |= plan::Mount::kRecursive;
    to.source = from.bind() && !bound_inside ? 0 : writer.text_or_none(from.source);
    to.options = writer.table(options);
    to.attributes = from.set & ~later;
    to.cleared = from.clear;
    to.recursive_set = from.recursive_set & ~later;
    to.recursive_clear = from.recursive_clear;
    to.propagation = from.propagation;
    to.propagation_recursive = from.propagation_recursive;
    to.made = -1;
    mounts.push_back(to);
  }
  plan.mounts = writer.table(mounts);

  std::vector<plan::Device> devices;
  for (auto& device : draft.devices)
    devices.push_back(
        {writer.text(device.path), device.mode, device.major, device.minor, device.uid, device.gid});
  plan.devices = writer.table(devices);
  std::vector<plan::Link> links;
  for (auto& [path, target] : draft.links) links.push_back({writer.text(path), writer.text(target)});
  plan.links = writer.table(links);
  std::vector<plan::Sysctl> sysctls;
  for (auto& [path, value] : draft.sysctls) sysctls.push_back({writer.text(path), writer.text(value)});
  plan.sysctls = writer.table(sysctls);
  plan.masked = writer.texts(draft.masked);
  plan.readonly = writer.texts(draft.readonly);
}

void write_namespaces(const PlanDraft& draft, const PlanExtras& extras, Writer& writer, plan::Plan& plan) {
  std::vector<plan::JoinNamespace> join;
  const bool joins_user = draft.joins(CLONE_NEWUSER) && !draft.joins_user_ahead();
  for (size_t i = 0; i < draft.namespaces.size(); ++i) {
    auto& space = draft.namespaces[i];
    if (!space.path.empty()) {
      // The user namespace first: it owns the others. The mount namespace last: it moves "/".
      plan::JoinNamespace one{i < extras.namespace_fds.size() ? extras.namespace_fds[i] : -1, space.type};
      if (space.type == CLONE_NEWUSER) {
        join.insert(join.begin(), one);
      } else {
        join.push_back(one);
      }
    } else if (space.type == CLONE_NEWTIME) {
      continue;  // see time_offsets
    } else if (space.type == CLONE_NEWCGROUP || joins_user) {
      // clone3 would root the cgroup namespace at the monitor's cgroup; and new namespaces
      // must belong to the user namespace that is joined.
      plan.unshare_flags |= space.type;
    } else {
      plan.clone_flags |= space.type;
    }
  }
  for (size_t i = 0; i + 1 < join.size(); ++i)
    if (join[i].type == CLONE_NEWNS) std::swap(join[i], join.back());
  if (extras.join_fd >= 0) join.push_back({extras.join_fd, extras.join_types});
  plan.join = writer.table(join);
  plan.uid_map = writer.text_or_none(draft.uid_map);
  plan.gid_map = writer.text_or_none(draft.gid_map);
  if (draft.is_new(CLONE_NEWTIME)) plan.time_offsets = writer.text(draft.time_offsets);
}

void write_process(const PlanDraft& draft, Writer& writer, plan::Plan& plan) {
  plan.args = writer.texts(draft.args);
  plan.env = writer.texts(draft.env);
  plan.argv = writer.room((draft.args.size() + 1) * sizeof(char*));
  plan.envp = writer.room((draft.env.size() + 1) * sizeof(char*));
  for (auto& variable : draft.env)
    if (variable.starts_with("PATH=")) plan.search_path = writer.text(variable.substr(5));
  plan.cwd = writer.text(draft.cwd);
  plan.uid = draft.uid;
  plan.gid = draft.gid;
  plan.umask = draft.umask.value_or(022);
  plan.groups = writer.table(draft.groups);
  plan.cap_bounding = draft.bounding;
  plan.cap_effective = draft.effective;
  plan.cap_permitted = draft.permitted;
  plan.cap_inheritable = draft.inheritable;
  plan.cap_ambient = draft.ambient;
  std::vector<plan::Rlimit> rlimits;
  for (auto& limit : draft.rlimits) rlimits.push_back({limit.resource, limit.soft, limit.hard});
  plan.rlimits = writer.table(rlimits);
  plan.apparmor = writer.text_or_none(draft.apparmor);
  plan.selinux = writer.text_or_none(draft.selinux);
  plan.oom_score = draft.oom_score.value_or(0);
  plan.io_priority = draft.io_priority.value_or(0);
  plan.personality = draft.personality.value_or(0);
  plan.affinity = writer.table(draft.affinity);
  if (draft.memory_policy) {
    plan.memory_policy = draft.memory_policy->mode;
    plan.memory_nodes = writer.table(draft.memory_policy->nodes);
  }
  if (draft.console_size) std::tie(plan.console_rows, plan.console_columns) = *draft.console_size;
  if (draft.scheduler) {
    auto& from = *draft.scheduler;
    plan.scheduler = {48,           from.policy,   from.flags, from.nice, from.priority,
                      from.runtime, from.deadline, from.period};
  }
}

uint64_t flags_of(const PlanDraft& draft, const PlanExtras& extras) {
  uint64_t flags = 0;
  auto set = [&](bool on, uint64_t flag) { flags |= on ? flag : 0; };
  set(draft.has(CLONE_NEWNS) && extras.join_fd < 0, plan::Plan::kOwnMountNs);
  set(draft.readonly_root, plan::Plan::kReadonlyRoot);
  set(draft.no_new_privileges, plan::Plan::kNoNewPrivileges);
  set(draft.terminal, plan::Plan::kTerminal);
  set(extras.attached, plan::Plan::kAttached);
  set(extras.report_first, plan::Plan::kReportFirst);
  set(extras.init, plan::Plan::kInit);
  set(draft.umask.has_value(), plan::Plan::kSetUmask);
  set(draft.console_size.has_value(), plan::Plan::kConsoleSize);
  set(!extras.seccomp.empty(), plan::Plan::kSeccomp);
  set(draft.oom_score.has_value(), plan::Plan::kOomScore);
  set(draft.io_priority.has_value(), plan::Plan::kIoPriority);
  set(draft.scheduler.has_value(), plan::Plan::kScheduler);
  set(draft.personality.has_value(), plan::Plan::kPersonality);
  set(draft.memory_policy.has_value(), plan::Plan::kMemoryPolicy);
  set(extras.mounts_only, plan::Plan::kMountsOnly);
  set(draft.joins_user_ahead() || extras.user_entered, plan::Plan::kUserAhead);
  set(draft.setup_dev, plan::Plan::kSetupDev);
  set(draft.has(CLONE_NEWUSER) || (extras.join_types & CLONE_NEWUSER) || extras.rootless,
      plan::Plan::kUserNamespace);
  set(extras.orphan, plan::Plan::kOrphan);
  set(extras.pause, plan::Plan::kPause);
  set(extras.no_pivot, plan::Plan::kNoPivot);
  set(extras.keep_keyring, plan::Plan::kKeepKeyring);
  return flags;
}

}  // namespace

std::string write_plan(const PlanDraft& draft, const PlanExtras& extras) {
  Writer writer;
  plan::Plan plan = {};
  plan.magic = plan::kMagic;
  plan.version = plan::kVersion;
  plan.fd_count = static_cast<uint32_t>(extras.fd_count);
  plan.flags = flags_of(draft, extras);
  plan.id = writer.text(extras.id);
  if (!extras.exit_path.empty()) {
    plan.exit_path = writer.text(extras.exit_path);
    plan.exit_temporary = writer.text(extras.exit_path + ".new");
  }
  plan.cleanup = writer.texts(extras.cleanup);
  plan.root_fd = extras.root_fd;
  plan.cgroup_fd = extras.cgroup_fd;
  plan.log_fd = extras.log_fd;
  plan.sync_fd = extras.sync_fd;
  plan.start_fd = extras.start_fd;
  plan.executable = writer.text_or_none(extras.executable);
  plan.preserved = writer.table(extras.preserved);
  plan.relay_out_fd = extras.relay_out_fd;
  plan.relay_err_fd = extras.relay_err_fd;
  plan.client_out_fd = extras.client_out_fd;
  plan.client_err_fd = extras.client_err_fd;
  for (int i = 0; i < 3; ++i) plan.stdio[i] = extras.stdio[i];
  plan.root_propagation = draft.root_propagation;
  plan.root_path = writer.text_or_none(extras.root_path);
  plan.caller_cpus = writer.table(extras.caller_cpus);
  if (draft.hostname) plan.hostname = writer.text(*draft.hostname);
  if (draft.domainname) plan.domainname = writer.text(*draft.domainname);
  // runc makes a working directory that is missing, in the root, never through "..".
  size_t first = draft.cwd.find_first_not_of('/');
  plan.cwd_in_root = writer.text(first == std::string::npos ? "" : draft.cwd.substr(first));
  write_namespaces(draft, extras, writer, plan);
  write_mounts(draft, extras, writer, plan);
  write_process(draft, writer, plan);
  plan.seccomp =
      writer.raw(extras.seccomp.data(), extras.seccomp.size(), extras.seccomp.size() / sizeof(sock_filter));
  plan.seccomp_flags = extras.seccomp_flags;
  return writer.finish(plan);
}

}  // namespace rcrt
