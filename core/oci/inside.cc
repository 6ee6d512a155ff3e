// SPDX-License-Identifier: MIT
// A further process in a container that runs: `exec`.
#include <fcntl.h>
#include <rcrt/isolation.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/undo.h"
#include "core/oci/hooks.h"
#include "core/oci/namespaces.h"
#include "core/oci/runtime.h"
#include "core/oci/seccomp_agent.h"
#include "core/plan_builder.h"
#include "core/process.h"

namespace rcrt::oci {
namespace {

// The container's cgroup, or one below it that the user names.
Result<UniqueFd> open_cgroup(const Record& record, const std::string& below) {
  if (record.cgroup.empty()) {
    if (!below.empty()) return error("container has no cgroup", record.id);
    return UniqueFd();
  }
  if (below.find("..") != std::string::npos)
    return error("invalid cgroup", below, "name one below the container's", EINVAL);
  std::string path = record.cgroup + (below.empty() || below[0] == '/' ? "" : "/") + below;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return errno_error("cannot open the container's cgroup", path);
  return fd;
}

Result<void> join(const Record& record, LaunchRequest& request) {
  request.join.pidfd = process_of(record);
  if (!request.join.pidfd) return error("cannot exec in a stopped container", record.id);
  request.join.types = foreign_namespaces(record.pid);
  // The process was the one we know while we looked: its pidfd still is.
  if (!process_of(record)) return error("cannot exec in a stopped container", record.id);
  return {};
}

// process.execCPUAffinity.initial: ours, and so of all we start, until the process is in its cgroup.
Result<void> set_initial_affinity(const Json& process) {
  static const Json::json_pointer kPlace("/execCPUAffinity/initial");
  if (!process.contains(kPlace) || !process[kPlace].is_string()) return {};
  const auto& list = process[kPlace].get_ref<const std::string&>();
  auto cpus = bit_set(list, kMaxCpus);
  if (!cpus) return {};  // the plan's builder says what is wrong
  if (sched_setaffinity(0, cpus->size() * sizeof(uint64_t), reinterpret_cast<cpu_set_t*>(cpus->data())) == 0)
    return {};
  return errno_error("cannot set process.execCPUAffinity.initial", list);
}

// As runc: what confines the container confines its further processes, unless they say otherwise.
void inherit_confinement(Json& process, const Json& config) {
  auto own = config.find("process");
  if (own == config.end() || !own->is_object() || !process.is_object()) return;
  for (const char* member : {"capabilities", "rlimits", "apparmorProfile", "selinuxLabel"}) {
    auto inherited = own->find(member);
    if (inherited != own->end() && (!process.contains(member) || process[member].is_null()))
      process[member] = *inherited;
  }
}

}  // namespace

Result<Json> Runtime::exec_process(const std::string& id) {
  RCRT_ASSIGN(Opened container, open(id));
  RCRT_ASSIGN(Json config, container.folder.read_config());
  auto process = config.find("process");
  if (process == config.end() || !process->is_object())
    return error("invalid configuration: process", container.folder.path(), "it is required");
  return *process;
}

Result<Running> Runtime::exec(const ExecOptions& options) {
  RCRT_ASSIGN(Opened container, open(options.id));
  switch (status_of(container.folder, container.record)) {
    case Status::stopped:
      return error("cannot exec in a stopped container", options.id);
    case Status::creating:
      return error("cannot exec in a container that is still being created", options.id);
    case Status::paused:
      if (options.ignore_paused) break;
      return error("cannot exec in a paused container", options.id, "use --ignore-paused to override");
    case Status::created:
    case Status::running:
      break;
  }
  RCRT_ASSIGN(Json config, container.folder.read_config());
  ExecOptions confined = options;
  inherit_confinement(confined.process, config);
  return launch_in(container, config, confined);
}

Result<Running> Runtime::launch_in(const Opened& container, const Json& config, const ExecOptions& options,
                                   const std::string& executable, const std::array<int, 3>& streams) {
  const Record& record = container.record;
  RCRT_ASSIGN(Paths* const where, paths());
  RCRT_TRY(enter_of(record, config));
  RCRT_TRY(set_initial_affinity(options.process));
  RCRT_ASSIGN(Launcher launcher, Launcher::start(where->monitor()));
  LaunchRequest request;
  request.id = record.id;
  request.spec = {{"ociVersion", kSpecVersion}, {"process", options.process}};
  if (!request.spec["process"].is_object())
    return error("invalid configuration: process", {}, "it must be an object");
  RCRT_TRY(join(record, request));
  if (executable.empty()) {  // a hook has the variables that it is given
    UniqueFd root(
        ::open(("/proc/" + std::to_string(record.pid) + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (root) add_home(request.spec["process"], root.get());
  }
  RCRT_ASSIGN(request.cgroup, open_cgroup(record, options.sub_cgroup));
  if (Json seccomp = seccomp_request(config, options.process, cache_dir()); !seccomp.is_null()) {
    seccomp["container"] = record.id;
    RCRT_ASSIGN(PluginHost* const host, plugins());
    RCRT_ASSIGN(const Plugin* plugin, host->load("isolation", "seccomp"));
    const auto* table = plugin->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
    RCRT_ASSIGN(PluginReply reply, plugin->call(table->prepare, "prepare", seccomp));
    request.seccomp = reply.take("seccomp");
    if (auto it = reply.result.find("seccompFlags"); it != reply.result.end() && it->is_array())
      for (const auto& flag : *it)
        if (flag.is_string()) request.seccomp_flags.push_back(flag.get<std::string>());
  }
  request.stdio = streams;
  request.orphan = true;
  request.rootless = settings_.cgroups.rootless;
  request.user_entered = entered_;
  request.keep_keyring = record.keep_keyring;
  request.executable = executable;
  for (int fd = 3; fd < 3 + options.preserve_fds; ++fd) {
    if (fcntl(fd, F_GETFD) < 0) return errno_error("cannot preserve descriptor", std::to_string(fd));
    request.preserve.push_back(fd);
  }
  pid_t pid = -1;
  if (auto agent = record.extra.find("seccompAgent"); agent != record.extra.end())
    request.listener = [&record, &pid, agent = *agent](UniqueFd fd) {
      return notify_agent(agent, state_json(record, Status::running), pid, fd.get());
    };
  RCRT_ASSIGN(ContainerProcess* const process, launcher.commit(std::move(request)));
  pid = process->pid;
  Undo undo;
  undo.add([&] {
    if (process->pidfd) (void)send_signal(process->pidfd.get(), SIGKILL);
    reap(process->pid);
  });
  fault_point("oci: exec committed");
  RCRT_TRY(write_pid_file(options.pid_file, process->pid));
  RCRT_TRY(launcher.go());
  RCRT_TRY(check_executed(process->pid, process->pidfd.get()));
  Running running;
  if (launcher.console() >= 0) {
    if (options.console_socket.empty())
      running.console.reset(dup_console(launcher.console()));
    else
      RCRT_TRY(send_console(options.console_socket, launcher.console()));
  }
  undo.commit();
  running.pid = process->pid;
  running.pidfd = std::move(process->pidfd);
  return running;
}

Result<void> Runtime::change_mounts(const std::string& id, const Json& mounts, bool add) {
  RCRT_ASSIGN(Opened container, open(id));
  if (status_of(container.folder, container.record) == Status::stopped)
    return error("container not running", id);
  RCRT_ASSIGN(Paths* const where, paths());
  RCRT_TRY(enter_of(container.record, {}));
  RCRT_ASSIGN(Launcher launcher, Launcher::start(where->monitor()));
  LaunchRequest request;
  request.id = id;
  request.spec = {{"ociVersion", kSpecVersion}, {"process", {{"args", {"mounts"}}, {"cwd", "/"}}}};
  request.spec["mounts"] = mounts;
  request.orphan = true;
  request.user_entered = entered_;
  request.mounts_only = add ? MountsOnly::add : MountsOnly::remove;
  RCRT_TRY(join(container.record, request));
  if ((request.join.types & CLONE_NEWNS) == 0 || container.record.no_pivot)
    return error("cannot change the mounts of a container without a mount namespace of its own", id);
  RCRT_ASSIGN(ContainerProcess* const process, launcher.commit(std::move(request)));
  auto done = launcher.go();
  if (done) reap(process->pid);
  return done;
}

// In the container, and confined as its own process: the program is the image's.
Result<void> Runtime::start_hooks(const Opened& container, const Json& config) {
  RCRT_ASSIGN(auto hooks, read_hooks(config, "startContainer"));
  for (const auto& hook : hooks) {
    ExecOptions options;
    options.id = container.record.id;
    auto process = config.find("process");
    options.process = process == config.end() ? Json::object() : *process;
    options.process["terminal"] = false;
    options.process["args"] = hook.args;
    options.process["env"] = hook.env;
    RCRT_ASSIGN(UniqueFd input, state_file(state_json(container.record, Status::created)));
    RCRT_ASSIGN(UniqueFd output, output_file());
    RCRT_ASSIGN(Running running,
                launch_in(container, config, options, hook.path, {input.get(), output.get(), output.get()}));
    bool ended = wait_for_end(running.pidfd.get(), hook.timeout > 0 ? hook.timeout * 1000 : -1);
    if (!ended) (void)send_signal(running.pidfd.get(), SIGKILL);
    const std::string how = failure_of(hook, !ended, reap(running.pid));
    if (!how.empty()) return hook_error(hook, how, output.get());
  }
  return {};
}

}  // namespace rcrt::oci
