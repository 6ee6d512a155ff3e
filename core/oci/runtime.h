// SPDX-License-Identifier: MIT
// What rcrt-oci does to containers: one function a command. Nothing here prints.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"
#include "core/launcher.h"
#include "core/oci/bundle.h"
#include "core/oci/hook_runner.h"
#include "core/oci/hooks.h"
#include "core/oci/isolation.h"
#include "core/oci/readiness.h"
#include "core/oci/record.h"
#include "core/paths.h"
#include "core/plugin_host.h"

namespace rcrt::oci {

struct CriuOptions;  // checkpoint.h

struct Settings {
  std::string root;   // the folder of all containers
  std::string owner;  // the caller's name
  CgroupSettings cgroups;
  PluginHost::LogSink log;
};

struct CreateOptions {
  std::string id, bundle, config_file;
  std::string console_socket, pid_file;
  bool no_pivot = false, no_new_keyring = false;
  int preserve_fds = 0;
  // Of them, those of socket activation (sd_listen_fds(3)), and their names.
  int listen_fds = 0;
  std::string listen_names;
  // The socket of the service manager that waits until the container is ready; empty: none does.
  std::string notify_socket;
  bool wait_for_start = true;  // `create`; false: `run`
  bool detached = false;       // of `run`: nobody is there to serve a terminal
};

struct ExecOptions {
  std::string id;
  Json process;  // whole, see exec_process()
  std::string console_socket, pid_file, sub_cgroup;
  int preserve_fds = 0;
  bool ignore_paused = false;
};

// A process that runs; our own child, unless it was there already.
struct Running {
  pid_t pid = -1;
  UniqueFd pidfd;
  UniqueFd console;  // the pty's master, when it was not sent to a console socket
  Readiness readiness;
};

class Runtime {
 public:
  explicit Runtime(const Settings& settings) : settings_(settings) {}

  Result<Running> create(const CreateOptions& options);
  // `notify_socket` as in CreateOptions.
  Result<Running> start(const std::string& id, const std::string& notify_socket = {});
  Result<void> kill(const std::string& id, int signal, bool all);
  Result<void> remove(const std::string& id, bool force);
  Result<Running> exec(const ExecOptions& options);
  // Into files, and gone unless the options say otherwise; and out of them.
  Result<void> checkpoint(const std::string& id, const CriuOptions& options);
  Result<Running> restore(const CreateOptions& options, const CriuOptions& criu);
  // `mounts` as in a configuration; to remove them their destinations are enough.
  Result<void> change_mounts(const std::string& id, const Json& mounts, bool add);
  Result<void> pause(const std::string& id, bool frozen);
  // `schemata`: lines of its resctrl group.
  Result<void> update(const std::string& id, const Json& resources, const std::vector<std::string>& schemata);
  Result<Json> stats(const std::string& id);
  // The pids of all its processes, in our pid namespace.
  Result<std::vector<pid_t>> processes(const std::string& id);

  // What `state` and `list` show.
  Result<Json> state(const std::string& id);
  // process of the configuration, with which exec begins.
  Result<Json> exec_process(const std::string& id);

  const std::string& root() const { return settings_.root; }

 private:
  friend class Creation;
  friend class Restoration;

  struct Opened {
    Folder folder;
    Record record;
  };
  Result<Opened> open(const std::string& id);
  // Lets it go, whatever state it is in; poststop hooks and all.
  Result<void> destroy(Opened& container);
  Result<void> destroy_damaged(Folder& folder, const std::string& id);
  Result<void> release(const Json& isolation);
  void release_or_warn(const Json& isolation);
  Result<void> start_hooks(const Opened& container, const Json& config);
  // rootless.cc: into the user namespace that the configuration asks for, or a container's;
  // nothing for root.
  Result<void> enter_new(const Json& config);
  Result<void> enter_of(const Record& record, const Json& config);
  Result<void> enter(int space, const Json& config);
  // Where the hooks run that are not the container's.
  HookPlace runtime_place() const;
  Result<Running> launch_in(const Opened& container, const Json& config, const ExecOptions& options,
                            const std::string& executable = {},
                            const std::array<int, 3>& streams = {0, 1, 2});
  Result<Json> cgroup_request(const Opened& container);
  Result<PluginHost*> plugins();
  Result<Paths*> paths();
  std::string cache_dir();

  Settings settings_;
  std::optional<Paths> paths_;
  std::unique_ptr<PluginHost> plugins_;
  bool entered_ = false;  // the container's user namespace
  std::optional<HookRunner> hook_runner_;
};

// The state as hooks and `state` have it.
Json state_json(const Record& record, Status status);
// Sends the pty's master to the engine's socket.
Result<void> send_console(const std::string& socket, int master);
// Writes a pid to a temporary name and renames.
Result<void> write_pid_file(const std::string& path, pid_t pid);
// Fails when the process has ended on its way to its command, and could not say why: the socket
// that it holds until then is closed.
Result<void> check_executed(pid_t pid, int pidfd);
// Waits for our own child; its status as wait(2) gives it.
int reap(pid_t pid);

}  // namespace rcrt::oci
