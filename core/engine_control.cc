// SPDX-License-Identifier: MIT
// Stopping, killing, removing and waiting for containers.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "core/engine.h"
#include "core/process.h"

namespace rcrt {
namespace {

constexpr int kPatience = 5'000;  // milliseconds, for whoever else has the container in hand

Result<UniqueFd> running_process(const Container& container) {
  UniqueFd process = container.open_process();
  if (!process) return error("container is not running", container.name(), "see `rcrt ps -a`", ESRCH);
  return process;
}

}  // namespace

Result<void> Engine::kill(const std::string& id, int signal) {
  RCRT_ASSIGN(Container container, containers_.load(id));
  RCRT_ASSIGN(UniqueFd process, running_process(container));
  return send_signal(process.get(), signal);
}

void Engine::wait_for_clean_up(const Container& container, int timeout_ms) {
  // The monitor becomes the clean-up command: it ends when that is done.
  if (UniqueFd monitor = container.open_monitor()) wait_for_end(monitor.get(), timeout_ms);
}

Result<void> Engine::stop(const std::string& id, int timeout_seconds) {
  RCRT_ASSIGN(Container container, containers_.load(id));
  UniqueFd process = container.open_process();
  if (!process) return recover_one(id);
  RCRT_ASSIGN(int signal, parse_signal(container.config.value("stopSignal", "SIGTERM")));
  if (timeout_seconds < 0) timeout_seconds = container.config.value("stopTimeout", 10);
  if (auto sent = send_signal(process.get(), signal); !sent && sent.error().code != ESRCH) return sent;
  if (!wait_for_end(process.get(), timeout_seconds * 1000)) {
    if (auto sent = send_signal(process.get(), SIGKILL); !sent && sent.error().code != ESRCH) return sent;
    if (!wait_for_end(process.get(), 10'000))
      return error("container does not end after SIGKILL", container.name(),
                   "a process is stuck in the kernel; try again later", ETIMEDOUT);
  }
  wait_for_clean_up(container, 10'000);
  return recover_one(id);
}

Result<void> Engine::remove(const std::string& id, bool force, bool with_volumes) {
  RCRT_ASSIGN(Container container, containers_.load(id));
  if (!container.damaged.empty() && !force)
    return error("container's record is damaged", container.damaged, "mend it, or use rm -f", EIO);
  if (UniqueFd process = container.open_process()) {
    if (!force) return error("container is running", container.name(), "stop it first, or use rm -f", EBUSY);
    if (auto sent = send_signal(process.get(), SIGKILL); !sent && sent.error().code != ESRCH) return sent;
    if (!wait_for_end(process.get(), 10'000))
      return error("container does not end after SIGKILL", container.name(),
                   "a process is stuck in the kernel; try again later", ETIMEDOUT);
  }
  // Also when it has just ended by itself: the monitor is still writing into its folder.
  wait_for_clean_up(container, 10'000);
  return clean_up(id, {.remove = true,
                       .kill = force,
                       .with_volumes = with_volumes,
                       .give_up = force,
                       .patience_ms = kPatience});
}

Result<ExitRecord> Engine::wait(const std::string& id) {
  // Held until the record is read: the clean-up needs the lock for itself, so that an
  // auto-removed container's status is not lost to us.
  RCRT_ASSIGN(auto lock, ContainerLock::acquire(paths_, id, ContainerLock::Mode::shared));
  RCRT_ASSIGN(Container container, containers_.load(id));
  if (container.exit) return *container.exit;
  if (container.created) return ExitRecord();
  if (UniqueFd process = container.open_process()) wait_for_end(process.get(), -1);
  // The monitor writes the record right after the process has ended.
  for (int tries = 0; tries < 500; ++tries) {
    RCRT_ASSIGN(Container now, containers_.load(id));
    if (now.exit) return *now.exit;
    if (!now.open_monitor()) break;
    usleep(1000);
  }
  lock.release();
  RCRT_TRY(recover_one(id));
  RCRT_ASSIGN(Container after, containers_.load(id));
  if (after.exit) return *after.exit;
  return error("nobody recorded how the container ended", container.name(), "its monitor was killed", EIO);
}

}  // namespace rcrt
