// SPDX-License-Identifier: MIT
#include "core/creation.h"

#include <linux/sched.h>
#include <rcrt/network.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/fault.h"
#include "core/files.h"
#include "core/process.h"

namespace rcrt {
namespace {

// A new folder; the first time, those it and its like need are made, its own last.
Result<void> make_folder_in(const std::string& path, const std::vector<std::string>& needed) {
  if (mkdir(path.c_str(), 0700) == 0) return {};
  if (errno != ENOENT) return errno_error("cannot make folder", path);
  for (const std::string& folder : needed) RCRT_TRY(make_folders(folder));
  if (mkdir(path.c_str(), 0700) != 0) return errno_error("cannot make folder", path);
  return {};
}

}  // namespace

Creation::~Creation() {
  if (storage_.valid()) storage_.wait();
  if (id_.empty() || done_) return;
  volumes_.clear();   // before anybody, the monitor too, removes those without a name
  launcher_.reset();  // the monitor kills the half-made container
  lock_.reset();
  // With its volumes: a start that failed in the container has an exit record as one that ran has.
  if (auto result = engine_.clean_up(id_, {.remove = !again_, .kill = true, .with_volumes = !again_});
      !result)
    engine_.log_(RCRT_LOG_WARNING, "rcrt",
                 "roll-back is not complete, `rcrt system recover` retries it: " + result.error().message());
}

Result<void> Creation::journal(const char* step, const std::string& plugin, const Json& request) {
  fault_point("journal");
  RCRT_TRY(journal_->append(step, plugin, request));
  fault_point(step);
  return {};
}

Result<void> Creation::record() {
  if (!options_.name.empty()) {
    RCRT_TRY(check_name(options_.name));
    // A dead owner of the name is rolled back first.
    if (std::string owner = engine_.containers_.name_owner(options_.name); !owner.empty()) {
      if (auto container = engine_.containers_.load(owner);
          container && container->exit && container->auto_remove())
        engine_.wait_for_clean_up(*container, 10'000);
      RCRT_TRY(engine_.recover_one(owner));
    }
  }
  RCRT_ASSIGN(std::string id, new_id());
  fault_point("before folders");
  RCRT_TRY(make_folder_in(paths().container(id), {paths().names(), paths().cache(), paths().containers()}));
  id_ = id;  // from here on the destructor rolls back
  fault_point("data folder");
  RCRT_ASSIGN(ContainerLock lock, ContainerLock::acquire(paths(), id_, ContainerLock::Mode::exclusive));
  lock_ = std::move(lock);
  fault_point("lock");
  RCRT_TRY(make_folder_in(paths().container_state(id_),
                          {paths().state + "/networks", paths().state + "/containers"}));
  fault_point("state folder");
  RCRT_ASSIGN(Journal opened, Journal::open(paths().container_state(id_)));
  journal_ = std::move(opened);
  name_ = options_.name.empty() ? generated_name(id_) : options_.name;
  RCRT_TRY(journal("name", "", {{"name", name_}, {"plugin_folders", paths().plugin_folders}}));
  RCRT_TRY(engine_.containers_.take_name(name_, id_));
  fault_point("named");
  return {};
}

Result<void> Creation::specify() {
  SpecInput input;
  input.id = id_;
  input.image_config = resolved_.image_config;
  input.host_network = resolved_.host_network;
  input.network_path = resolved_.network_path;
  use_etc_files(input);
  RCRT_ASSIGN(spec_, build_spec(options_, input));
  return {};
}

Owner Creation::root_user() const {
  if (options_.uid_map.empty()) return {};
  return {host_id(options_.uid_map, 0), host_id(options_.gid_map, 0)};
}

Result<void> Creation::configure() {
  std::string user = options_.user.empty() ? resolved_.image_config.value("User", "") : options_.user;
  RCRT_ASSIGN(User runs_as, resolve_user(root_.get(), user, options_.groups));
  set_user(spec_, runs_as);
  RCRT_TRY(make_bind_sources());
  if (!resolved_.etc_folder.empty()) return {};  // another container's
  const Owner owner = root_user();
  for (const char* name : {"hostname", "hosts", "resolv.conf"}) {
    RCRT_TRY(overwrite_file(state_file(name), ""));
    if (owner.uid != 0 && chown(state_file(name).c_str(), owner.uid, owner.gid) != 0)
      return errno_error("cannot give to the container's root", state_file(name));
  }
  fault_point("etc files made");
  return {};
}

Result<void> Creation::write_config() {
  config_ = container_config(options_, resolved_, paths(), id_, name_, std::move(spec_),
                             engine_.images_.layers_dir(), Engine::volumes_json(options_.mounts));
  if (process_ != nullptr) config_["startedAt"] = started_at_ = now_ns();
  if (!kept_.is_null()) {
    if (again_) config_["created"] = kept_["created"];
    config_["kept"] = kept_;
  }
  RCRT_TRY(write_file(paths().container(id_) + "/config.json", config_.dump(),
                      options_.remove ? Durable::no : Durable::yes));
  volumes_.clear();
  images_.reset();
  fault_point("config written");
  return {};
}

Result<void> Creation::launch() {
  LaunchRequest request;
  request.id = id_;
  request.spec = std::move(spec_);
  for (const auto& [part, members] : contributed_.items())
    for (const auto& [member, items] : members.items())
      for (const auto& item : items) request.spec[part][member].push_back(item);
  request.root = std::move(root_);
  request.cgroup = std::move(cgroup_);
  request.seccomp = std::move(seccomp_);
  request.seccomp_flags = seccomp_flags_;
  request.attached = !options_.detach;
  request.remove = options_.remove;
  if (!options_.detach)
    request.stdio = {options_.interactive && options_.attach_in ? 0 : -1, options_.attach_out ? 1 : -1,
                     options_.attach_err ? 2 : -1};
  request.open_input = options_.detach && options_.interactive;
  request.log_path = log_path(options_, paths(), id_);
  request.work_dir = paths().container_state(id_);
  request.exit_path = paths().container(id_) + "/exit.json";
  request.networks_follow = true;
  request.init = options_.init;
  std::string networks;
  for (const auto& network : resolved_.networks) {
    RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("net", network.plugin));
    if (plugin->get<rcrt_network_v1>(RCRT_NETWORK_V1)->idle == nullptr) continue;
    networks += (networks.empty() ? "" : ",") + network.plugin;
  }
  request.cleanup_command = {paths().program, "--root", paths().root, "--state", paths().state};
  for (const auto& folder : paths().plugin_folders) {
    request.cleanup_command.push_back("--plugin-dir");
    request.cleanup_command.push_back(folder);
  }
  for (const char* word : {"system", "cleanup"}) request.cleanup_command.push_back(word);
  if (!networks.empty()) request.cleanup_command.push_back("--idle=" + networks);
  request.cleanup_command.push_back(id_);
  fault_point("before commit");
  auto process = launcher_->commit(std::move(request));
  spec_ = std::move(request.spec);
  if (!process) return std::unexpected(process.error());
  process_ = *process;
  fault_point("committed");
  return {};
}

Result<void> Creation::write_state(const char* status) {
  Json state = {{"status", status},
                {"bootId", boot_id()},
                {"pid", process_->pid},
                {"startTime", process_->start_time},
                {"monitorPid", process_->monitor_pid},
                {"monitorStartTime", process_->monitor_start_time},
                {"startedAt", started_at_},
                {"networks", attached_}};
  RCRT_TRY(write_file(state_file("state.json"), state.dump()));
  fault_point("state written");
  return {};
}

// Namespaces that the specification will most likely ask for.
uint64_t Creation::likely_namespaces() const {
  auto own = [](const std::string& mode) { return mode.empty() || mode == "private" || mode == "shareable"; };
  auto shared = [](const std::string& network) {
    return network == "host" || network.starts_with("container:");
  };
  uint64_t types = 0;
  if (std::ranges::none_of(options_.networks, shared)) types |= CLONE_NEWNET;
  if (own(options_.ipc_mode)) types |= CLONE_NEWIPC;
  if (own(options_.uts_mode)) types |= CLONE_NEWUTS;
  return options_.uid_map.empty() && options_.gid_map.empty() ? types : 0;
}

Result<void> Creation::check_cid_file() const {
  if (options_.cid_file.empty() || access(options_.cid_file.c_str(), F_OK) != 0) return {};
  return error("file for the container's id exists", options_.cid_file,
               "another container may be running: remove the file, or name another", EEXIST);
}

Result<void> Creation::start_launcher() {
  RCRT_ASSIGN(Launcher launcher, Launcher::start(paths().monitor(), likely_namespaces()));
  launcher_ = std::move(launcher);
  return {};
}

Result<Running> Creation::run() {
  RCRT_TRY(check_cid_file());
  RCRT_TRY(start_launcher());
  RCRT_ASSIGN(resolved_, resolve());
  RCRT_TRY(record());
  return execute();
}

Result<Running> Creation::execute() {
  RCRT_TRY(begin_storage());
  RCRT_TRY(specify());
  RCRT_TRY(prepare_isolation());
  RCRT_TRY(finish_storage());
  RCRT_TRY(prepare_volumes());
  RCRT_TRY(configure());
  RCRT_TRY(launch());
  // The process is on its way through its mounts: what it does not need is done beside it.
  RCRT_TRY(write_config());
  RCRT_TRY(attach_networks());
  RCRT_TRY(write_etc_files());
  RCRT_TRY(write_state("running"));
  if (again_) {
    unlink(paths().created_mark(id_).c_str());
    unlink((paths().container(id_) + "/exit.json").c_str());
    fault_point("begins anew");
  }
  if (engine_.handover_) engine_.handover_(true);
  if (auto gone = launcher_->go(); !gone) {
    if (engine_.handover_) engine_.handover_(false);
    return std::unexpected(gone.error());
  }
  fault_point("started");
  RCRT_TRY(journal("started", "", Json::object()));
  if (!options_.cid_file.empty()) RCRT_TRY(write_file(options_.cid_file, id_, Durable::no, 0644));
  if (!options_.pid_file.empty())
    RCRT_TRY(write_file(options_.pid_file, std::to_string(process_->pid), Durable::no, 0644));
  done_ = true;
  lock_.reset();
  return Running{id_,
                 std::move(*launcher_),
                 std::move(process_->pidfd),
                 config_.value("logPath", ""),
                 options_.interactive && options_.attach_in,
                 !options_.ports.empty() || !options_.ip.empty() || !options_.ip6.empty()};
}

Result<Running> Engine::start(const RunOptions& options, const PullPolicy& policy) {
  return Creation(*this, options, policy).run();
}

}  // namespace rcrt
