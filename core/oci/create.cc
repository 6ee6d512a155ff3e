// SPDX-License-Identifier: MIT
// `create` and `run`: a bundle becomes a process.
#include <fcntl.h>
#include <rcrt/isolation.h>
#include <rcrt/storage.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/fault.h"
#include "base/undo.h"
#include "core/environment.h"
#include "core/files.h"
#include "core/oci/hooks.h"
#include "core/oci/intel_rdt.h"
#include "core/oci/namespaces.h"
#include "core/oci/net_devices.h"
#include "core/oci/new_container.h"
#include "core/oci/place.h"
#include "core/oci/runtime.h"
#include "core/oci/seccomp_agent.h"
#include "core/process.h"

namespace rcrt::oci {
namespace {

void merge(Json& target, const Json& from, const char* member) {
  auto it = from.find(member);
  if (it == from.end() || !it->is_array()) return;
  if (!target[member].is_array()) target[member] = Json::array();
  for (const auto& value : *it) target[member].push_back(value);
}

}  // namespace

// One container in the making. Destroyed before it is done, it takes everything back.
class Creation {
 public:
  Creation(Runtime& runtime, const CreateOptions& options) : runtime_(runtime), options_(options) {}

  Result<Running> run();
  const Json& config() const { return bundle_.config; }

 private:
  Result<void> read();
  Result<void> check();
  Result<void> make_record();
  Result<void> prepare();
  void tell_of_sockets();
  Result<void> launch();
  Result<void> attach();
  Result<void> run_hooks_before_pivot();
  Result<void> finish();
  Result<void> start();
  // The process stops before it executes its command.
  bool waits() const { return options_.wait_for_start || record_.start_hooks; }

  Runtime& runtime_;
  const CreateOptions& options_;
  Bundle bundle_;
  std::vector<Isolation> isolation_;
  std::vector<NetDevice> net_devices_;
  IntelRdt intel_rdt_;
  Json seccomp_agent_;
  Record record_;
  std::optional<Folder> folder_;
  std::optional<Launcher> launcher_;
  ContainerProcess* process_ = nullptr;
  UniqueFd root_, cgroup_, seccomp_;
  UniqueFd hook_directory_;  // where createContainer hooks begin: in the container's root, as runc's
  Readiness readiness_;
  std::vector<std::string> seccomp_flags_;
  bool pause_ = false;
  Undo undo_;  // the last: its steps use all of the above
};

Result<void> Creation::read() {
  RCRT_TRY(check_id(options_.id));
  RCRT_ASSIGN(bundle_, read_bundle(options_.bundle, options_.config_file));
  // Hooks and relative paths of the configuration are meant from the bundle.
  if (chdir(bundle_.path.c_str()) != 0) return errno_error("cannot change to the bundle", bundle_.path);
  return {};
}

// Nothing is made before the whole configuration is found good.
Result<void> Creation::check() {
  RCRT_TRY(check_bundle(bundle_, options_, runtime_.settings_.log));
  RCRT_ASSIGN(net_devices_, read_net_devices(bundle_.config));
  RCRT_ASSIGN(seccomp_agent_, seccomp_agent(bundle_.config));
  RCRT_ASSIGN(intel_rdt_, intel_rdt_of(bundle_.config, options_.id));
  for (int fd = 3; fd < 3 + options_.preserve_fds; ++fd)
    if (fcntl(fd, F_GETFD) < 0) return errno_error("cannot preserve descriptor", std::to_string(fd));
  RCRT_ASSIGN(isolation_,
              isolation_of(bundle_.config, options_.id, runtime_.settings_.cgroups, runtime_.cache_dir()));
  // systemd makes no group without a process in it. rcrt-monitor is there, and ends once ours is.
  for (auto& one : isolation_)
    if (auto scope = one.request.find("systemd"); scope != one.request.end())
      (*scope)["pid"] = launcher_->monitor_pid();
  return {};
}

// What is going to be made is written down first: `delete` undoes it, whoever was killed.
Result<void> Creation::make_record() {
  RCRT_ASSIGN(folder_, Folder::make(runtime_.settings_.root, options_.id));
  undo_.add([this] { folder_->remove(); });
  fault_point("oci: folder made");
  if (!options_.notify_socket.empty()) RCRT_TRY(Readiness::add_to(bundle_.config, *folder_));
  record_ = new_record(options_, bundle_, isolation_, intel_rdt_, runtime_.settings_.owner);
  if (!seccomp_agent_.is_null()) record_.extra["seccompAgent"] = seccomp_agent_;
  RCRT_TRY(folder_->write_config(bundle_.text));
  RCRT_TRY(folder_->write(record_));
  fault_point("oci: recorded");
  return {};
}

// To its own command the container's process is 1.
void Creation::tell_of_sockets() {
  if (options_.listen_fds == 0) return;
  Json& env = bundle_.config["process"]["env"];
  set_variable(env, "LISTEN_FDS=" + std::to_string(options_.listen_fds));
  set_variable(env, "LISTEN_PID=1");
  if (!options_.listen_names.empty()) set_variable(env, "LISTEN_FDNAMES=" + options_.listen_names);
}

Result<void> Creation::prepare() {
  RCRT_ASSIGN(PluginHost* const host, runtime_.plugins());
  RCRT_ASSIGN(const Plugin* storage, host->load("storage", "dir"));
  const auto* table = storage->get<rcrt_storage_v1>(RCRT_STORAGE_V1);
  RCRT_ASSIGN(PluginReply root, storage->call(table->prepare, "prepare",
                                              {{"container", options_.id},
                                               {"dir", folder_->path() + "/storage"},
                                               {"source", bundle_.rootfs},
                                               {"read_only", false},
                                               {"volatile", false},
                                               {"options", Json::object()}}));
  root_ = root.take("root");
  if (!root_) return error("plugin gave no root", storage->path(), "report it to the plugin's author");
  add_home(bundle_.config["process"], root_.get());
  tell_of_sockets();

  if (!record_.isolation.empty()) undo_.add([this] { runtime_.release_or_warn(record_.isolation); });
  for (const auto& one : isolation_) {
    RCRT_ASSIGN(const Plugin* plugin, host->load("isolation", one.plugin));
    const auto* functions = plugin->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
    RCRT_ASSIGN(PluginReply reply, plugin->call(functions->prepare, "prepare", one.request));
    if (UniqueFd fd = reply.take("cgroup")) cgroup_ = std::move(fd);
    if (UniqueFd fd = reply.take("seccomp")) seccomp_ = std::move(fd);
    merge(bundle_.config["linux"], reply.result, "maskedPaths");
    merge(bundle_.config["linux"], reply.result, "readonlyPaths");
    merge(bundle_.config["process"], reply.result, "rlimits");
    if (auto it = reply.result.find("seccompFlags"); it != reply.result.end() && it->is_array())
      for (const auto& flag : *it)
        if (flag.is_string()) seccomp_flags_.push_back(flag.get<std::string>());
  }
  if (cgroup_) record_.cgroup = path_of(cgroup_.get());
  fault_point("oci: prepared");
  return {};
}

Result<void> Creation::launch() {
  if (has_hooks(bundle_.config, "createContainer"))
    hook_directory_.reset(fcntl(root_.get(), F_DUPFD_CLOEXEC, 3));
  LaunchRequest request;
  request.id = options_.id;
  request.spec = bundle_.config;
  request.root = std::move(root_);
  request.cgroup = std::move(cgroup_);
  request.seccomp = std::move(seccomp_);
  request.seccomp_flags = seccomp_flags_;
  request.stdio = {0, 1, 2};
  request.orphan = true;
  request.rootless = runtime_.settings_.cgroups.rootless;
  request.user_entered = runtime_.entered_;
  request.no_pivot = options_.no_pivot;
  request.keep_keyring = options_.no_new_keyring;
  if (!seccomp_agent_.is_null())
    request.listener = [this](UniqueFd listener) {
      return notify_agent(seccomp_agent_, state_json(record_, Status::creating), record_.pid, listener.get());
    };
  for (int fd = 3; fd < 3 + options_.preserve_fds; ++fd) request.preserve.push_back(fd);
  for (const char* kind : {"prestart", "createRuntime", "createContainer"})
    pause_ = pause_ || has_hooks(bundle_.config, kind);
  request.pause = pause_;
  if (pause_) request.root_path = bundle_.rootfs;
  if (waits()) {
    RCRT_ASSIGN(request.start_listener, folder_->listen("start.new"));
  }
  RCRT_ASSIGN(process_, launcher_->commit(std::move(request)));
  fault_point("oci: committed");
  undo_.add([this] {
    // The process is ours, and all of its pid namespace ends with it.
    if (process_->pidfd) (void)send_signal(process_->pidfd.get(), SIGKILL);
    reap(process_->pid);
  });
  record_.pid = process_->pid;
  record_.start_time = process_->start_time;
  RCRT_TRY(folder_->write(record_));
  fault_point("oci: process recorded");
  return {};
}

// What is done to the process from outside, before any of the user's programs runs.
Result<void> Creation::attach() {
  if (!intel_rdt_.group.empty()) {
    undo_.add([this] { release_intel_rdt(record_.extra["resctrl"]); });
    RCRT_TRY(enter_intel_rdt(intel_rdt_, process_->pid));
  }
  if (net_devices_.empty()) return {};
  UniqueFd joined;
  if (!process_->netns) {
    const std::string path = namespace_path(bundle_.config, "network");
    joined.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!joined) return errno_error("cannot open the network namespace", path);
  }
  return move_net_devices(net_devices_, process_->netns ? process_->netns.get() : joined.get());
}

Result<void> Creation::run_hooks_before_pivot() {
  if (!pause_) return {};
  RCRT_TRY(launcher_->wait_for_pause());
  const HookPlace place = runtime_.runtime_place();
  // As crun: to the hooks of old, which knew no other, it is created.
  RCRT_TRY(run_hooks(bundle_.config, "prestart", state_json(record_, Status::created), place));
  const Json state = state_json(record_, Status::creating);
  RCRT_TRY(run_hooks(bundle_.config, "createRuntime", state, place));
  if (has_hooks(bundle_.config, "createContainer")) {
    // In the container's namespaces, but with the machine's root: the pivot is to come.
    std::string proc = "/proc/" + std::to_string(process_->pid);
    UniqueFd root(open((proc + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return errno_error("cannot look into the container", proc + "/root");
    RCRT_TRY(run_hooks(bundle_.config, "createContainer", state,
                       {process_->pidfd.get(), foreign_namespaces(process_->pid), root.get(),
                        hook_directory_.get(), nullptr}));
  }
  return launcher_->resume();
}

Result<void> Creation::finish() {
  if (!waits()) {
    RCRT_TRY(write_pid_file(options_.pid_file, process_->pid));
    RCRT_ASSIGN(readiness_, Readiness::listen(*folder_, options_.notify_socket));
  }
  RCRT_TRY(launcher_->go());
  if (!waits()) RCRT_TRY(check_executed(process_->pid, process_->pidfd.get()));
  fault_point("oci: gone");
  if (launcher_->console() >= 0 && !options_.console_socket.empty())
    RCRT_TRY(send_console(options_.console_socket, launcher_->console()));
  if (!waits()) return {};
  RCRT_TRY(write_pid_file(options_.pid_file, process_->pid));
  // The last step: from now on it is created.
  RCRT_TRY(folder_->rename("start.new", "start"));
  fault_point("oci: created");
  return {};
}

// `run` of a container whose hooks run when it is started.
Result<void> Creation::start() {
  if (options_.wait_for_start || !waits()) return {};
  auto started = runtime_.start(options_.id, options_.notify_socket);
  if (started) {
    readiness_ = std::move(started->readiness);
    return {};
  }
  (void)runtime_.remove(options_.id, true);
  return std::unexpected(started.error());
}

Result<Running> Creation::run() {
  RCRT_ASSIGN(Paths* const where, runtime_.paths());
  const bool rootless = geteuid() != 0;
  if (rootless) {
    RCRT_TRY(read());
    RCRT_TRY(runtime_.enter_new(bundle_.config));
  }
  RCRT_ASSIGN(launcher_, Launcher::start(where->monitor()));
  if (!rootless) RCRT_TRY(read());
  RCRT_TRY(check());
  RCRT_TRY(make_record());
  RCRT_TRY(prepare());
  RCRT_TRY(launch());
  RCRT_TRY(attach());
  RCRT_TRY(run_hooks_before_pivot());
  RCRT_TRY(finish());
  undo_.commit();
  folder_->unlock();
  RCRT_TRY(start());
  Running running;
  running.pid = process_->pid;
  running.pidfd = std::move(process_->pidfd);
  running.readiness = std::move(readiness_);
  if (options_.console_socket.empty()) running.console.reset(dup_console(launcher_->console()));
  return running;
}

Result<Running> Runtime::create(const CreateOptions& options) {
  Creation creation(*this, options);
  auto running = creation.run();
  if (!running) return std::unexpected(with_place(running.error(), creation.config()));
  return running;
}

}  // namespace rcrt::oci
