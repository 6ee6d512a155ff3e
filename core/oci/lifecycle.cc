// SPDX-License-Identifier: MIT
// From created to gone: start, kill, delete.
#include <fcntl.h>
#include <rcrt/isolation.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "core/files.h"
#include "core/oci/hooks.h"
#include "core/oci/intel_rdt.h"
#include "core/oci/runtime.h"
#include "core/oci/seccomp_agent.h"
#include "core/process.h"

namespace rcrt::oci {
namespace {

constexpr int kPatience = 10'000;  // ms until a killed process must be gone

std::unexpected<Error> not_running(const std::string& id) { return error("container not running", id); }

Result<void> kill_and_wait(const Record& record) {
  UniqueFd process = process_of(record);
  if (!process) return {};
  if (auto sent = send_signal(process.get(), SIGKILL); !sent && sent.error().code != ESRCH) return sent;
  if (wait_for_end(process.get(), kPatience)) return {};
  return error("container does not end after SIGKILL", record.id,
               "a process is stuck in the kernel; try again later", ETIMEDOUT);
}

}  // namespace

Result<Running> Runtime::start(const std::string& id, const std::string& notify_socket) {
  RCRT_ASSIGN(Opened container, open(id));
  RCRT_TRY(container.folder.lock());
  switch (status_of(container.folder, container.record)) {
    case Status::created:
      break;
    case Status::creating:
      return error("cannot start a container that is still being created", id);
    case Status::stopped:
      return error("cannot start a container that has stopped", id);
    case Status::running:
      return error("cannot start an already running container", id);
    case Status::paused:
      return error("cannot start a container in the paused state", id, "resume it first");
  }
  // As the specification has it: the container is stopped when a hook fails.
  auto or_stop = [&](Result<void> hooks) {
    if (hooks) return hooks;
    (void)kill(id, SIGKILL, false);
    if (auto ended = kill_and_wait(container.record); !ended) return ended;
    return hooks;
  };
  Json config;
  if (container.record.start_hooks) {
    RCRT_ASSIGN(config, container.folder.read_config());
    RCRT_TRY(or_stop(start_hooks(container, config)));
  }
  RCRT_ASSIGN(UniqueFd socket, container.folder.connect("start"));
  fault_point("oci: start connected");
  Running running;
  running.pid = container.record.pid;
  running.pidfd = process_of(container.record);
  RCRT_ASSIGN(running.readiness, Readiness::listen(container.folder, notify_socket));
  ListenerSink listener;
  if (auto agent = container.record.extra.find("seccompAgent"); agent != container.record.extra.end())
    listener = [&container, agent = *agent](UniqueFd fd) {
      const Record& record = container.record;
      return notify_agent(agent, state_json(record, Status::created), record.pid, fd.get());
    };
  RCRT_TRY(start_waiting(socket.get(), running.pidfd.get(), listener));
  RCRT_TRY(check_executed(running.pid, running.pidfd.get()));
  fault_point("oci: started");
  if (container.record.start_hooks)
    RCRT_TRY(or_stop(
        run_hooks(config, "poststart", state_json(container.record, Status::running), runtime_place())));
  return running;
}

Result<std::vector<pid_t>> Runtime::processes(const std::string& id) {
  RCRT_ASSIGN(Opened container, open(id));
  if (!process_of(container.record) && container.record.cgroup.empty()) return std::vector<pid_t>();
  return processes_of(container.record);
}

Result<void> Runtime::kill(const std::string& id, int signal, bool all) {
  RCRT_ASSIGN(Opened container, open(id));
  const Record& record = container.record;
  if (status_of(container.folder, record) == Status::creating)
    return error("cannot kill a container that is still being created", id, "use `delete --force`");
  UniqueFd process = process_of(record);
  // Without a pid namespace the others outlive their first process.
  if (all || (signal == SIGKILL && !record.own_pids)) {
    bool any = false;
    for (pid_t pid : processes_of(record)) any = ::kill(pid, signal) == 0 || any;
    if (any || all) return {};
    return not_running(id);
  }
  if (!process) return not_running(id);
  auto sent = send_signal(process.get(), signal);
  if (!sent && sent.error().code == ESRCH) return not_running(id);
  return sent;
}

Result<void> Runtime::destroy(Opened& container) {
  RCRT_TRY(kill_and_wait(container.record));
  fault_point("oci: killed");
  RCRT_TRY(release(container.record.isolation));
  release_intel_rdt(container.record.extra.value("resctrl", Json()));
  fault_point("oci: released");
  Json config;
  if (container.record.poststop)
    if (auto read = container.folder.read_config()) config = std::move(*read);
  container.folder.remove();
  fault_point("oci: removed");
  // The container is gone whatever its hooks say: what fails is logged.
  if (!container.record.poststop) return {};
  auto hooks = read_hooks(config, "poststop");
  if (!hooks) return std::unexpected(hooks.error());
  for (const auto& hook : *hooks)
    if (auto ran = run_hook(hook, state_json(container.record, Status::stopped), runtime_place());
        !ran && settings_.log)
      settings_.log(RCRT_LOG_WARNING, "rcrt-oci", ran.error().message());
  return {};
}

// Killed while it was made, or its state was lost: what its configuration would have made is released.
Result<void> Runtime::destroy_damaged(Folder& folder, const std::string& id) {
  if (auto config = folder.read_config()) {
    std::string rootfs;
    if (normalise(*config, folder.path(), rootfs)) {
      Json list = Json::array();
      auto made = isolation_of(*config, id, settings_.cgroups, {});
      for (const auto& one : made ? *made : std::vector<Isolation>())
        if (one.plugin != "seccomp") list.push_back({{"plugin", one.plugin}, {"request", one.request}});
      RCRT_TRY(release(list));
      if (auto mounts = read_file("/proc/self/mountinfo"))
        if (auto wish = read_intel_rdt(*config, id, resctrl_folder(*mounts)))
          release_intel_rdt(wish->to_json());
    }
  }
  folder.remove();
  return {};
}

Result<void> Runtime::remove(const std::string& id, bool force) {
  auto folder = Folder::open(settings_.root, id);
  if (!folder && folder.error().code == ENOENT && force) return {};
  if (!folder) return std::unexpected(folder.error());
  bool locked = folder->try_lock();
  auto record = folder->read();
  if (!locked && !force) {
    // Whoever starts it, or makes it, is not done.
    if (record && status_of(*folder, *record) == Status::creating)
      return error("cannot delete a container that is being created", id, "wait for it, or use --force");
    RCRT_TRY(folder->lock());
    locked = true;
    record = folder->read();
  }
  if (!record) {
    // Its process may run: nothing says whether it does.
    if (!force) return std::unexpected(record.error());
    if (!locked) RCRT_TRY(folder->lock());
    return destroy_damaged(*folder, id);
  }
  Opened container{std::move(*folder), std::move(*record)};
  Status status = status_of(container.folder, container.record);
  if (!force && (status == Status::running || status == Status::paused || status == Status::creating))
    return error(std::string("cannot delete container that is not stopped: ") + status_name(status), id,
                 "kill it first, or use --force");
  if (!locked) {
    // Its end lets whoever holds the lock go on, and fail.
    RCRT_TRY(kill_and_wait(container.record));
    RCRT_TRY(container.folder.lock());
    auto now = container.folder.read();
    if (!now) return now.error().code == ENOENT ? Result<void>() : std::unexpected(now.error());
    container.record = std::move(*now);
  }
  return destroy(container);
}

}  // namespace rcrt::oci
