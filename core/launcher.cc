// SPDX-License-Identifier: MIT
#include "core/launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "base/fault.h"
#include "core/launcher_messages.h"
#include "core/launcher_request.h"
#include "core/launcher_spawn.h"
#include "core/plan_builder.h"
#include "core/process.h"
#include "launch/protocol.h"

namespace rcrt {
namespace {

using launch::Kind;

constexpr unsigned long kPidfdGetNetNamespace = _IO(0xFF, 4);  // since Linux 6.11

Result<void> pass_listener(int socket, int pidfd, const launch::ListenerMessage& message,
                           const ListenerSink& sink) {
  UniqueFd listener(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd, message.fd, 0)));
  if (!listener)
    return errno_error("cannot take the seccomp listener from the container's process", {},
                       "it needs CAP_SYS_PTRACE");
  if (!sink) return error("the seccomp filter notifies, but nobody would be notified");
  RCRT_TRY(sink(std::move(listener)));
  if (send_simple(socket, Kind::kGo)) return {};
  return error("the container's process was killed before it could execute its command");
}

bool has_ended(int pidfd) {
  pollfd ready = {pidfd, POLLIN, 0};
  return poll(&ready, 1, 0) != 0;
}

// An invalid descriptor when the process has ended meanwhile: go() will say why.
UniqueFd network_of(pid_t pid, int pidfd) {
  UniqueFd fd(ioctl(pidfd, kPidfdGetNetNamespace, 0));
  if (fd) return fd;
  fd.reset(open(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
  if (fd && has_ended(pidfd)) fd.reset();
  return fd;
}

}  // namespace

struct Launcher::Impl {
  SpawnedMonitor monitor;
  UniqueFd control;  // to the monitor
  UniqueFd sync;     // to the child, until it has executed
  // Before its plan; with the mounts it had then.
  std::optional<std::vector<PlanDraft::Mount>> cloned;
  UniqueFd console;
  ContainerProcess process;
  Sysctls interface_sysctls;
  std::optional<ExitRecord> exit;
  bool record_follows = false;
  bool orphan = false;
  bool paused = false;
  ListenerSink listener;

  Result<ExitRecord> wait();
  // The child's own error. It is about to end: once the monitor has recorded that, the
  // caller may remove the container's folder.
  std::unexpected<Error> failure(const launch::FailedMessage& message) {
    Error error = to_error(message);
    if (orphan) {
      // Our own child, which is about to end: nobody else may have to reap it.
      waitpid(process.pid, nullptr, __WALL);
      return std::unexpected(std::move(error));
    }
    if (auto ended = wait(); !ended) error.hint = ended.error().message();
    return std::unexpected(std::move(error));
  }
};

Launcher::Launcher() : impl_(std::make_unique<Impl>()) {}
Launcher::Launcher(Launcher&&) noexcept = default;
Launcher& Launcher::operator=(Launcher&&) noexcept = default;

Launcher::~Launcher() {
  if (!impl_) return;
  impl_->sync.reset();
  impl_->control.reset();
  // Reap the monitor if it has ended already; else it lives on without us.
  if (impl_->process.monitor_pid > 0)
    waitpid(impl_->process.monitor_pid, nullptr, impl_->orphan ? 0 : WNOHANG);
}

Result<Launcher> Launcher::start(const std::string& monitor_path, uint64_t expected) {
  Launcher launcher;
  Impl& impl = *launcher.impl_;
  RCRT_ASSIGN(impl.monitor, spawn_monitor(monitor_path, expected));
  impl.control = std::move(impl.monitor.control);
  impl.process.monitor_pid = impl.monitor.pid;
  return launcher;
}

Result<void> Launcher::clone(const Json& spec, int cgroup) {
  Impl& impl = *impl_;
  auto early = early_plan(spec);
  if (!early) return {};
  UniqueFd theirs;
  RCRT_TRY(make_socket_pair(impl.sync, theirs));
  const bool terminal = spec["process"].value("terminal", false);
  const int fds[] = {theirs.get(), cgroup};
  const launch::CloneMessage header = {Kind::kClone, terminal, early->namespaces};
  std::string message(reinterpret_cast<const char*>(&header), sizeof header);
  message += early->block;
  auto sent = send_fds(impl.control.get(), message, fds, cgroup < 0 ? 1 : 2);
  if (!sent) return lost_monitor(impl.monitor, "rcrt-monitor ended before the container was made");
  impl.cloned = std::move(early->mounts);
  fault_point("launcher.clone.sent");
  return {};
}

Result<ContainerProcess*> Launcher::commit(LaunchRequest&& request) {
  Impl& impl = *impl_;
  impl.orphan = request.orphan;
  impl.listener = request.listener;
  RCRT_ASSIGN(PreparedLaunch prepared, prepare_launch(std::move(request), impl.cloned, impl.monitor.cpus));
  RCRT_ASSIGN(UniqueFd memory, plan_in_memory(prepared.plan));
  fault_point("launcher.commit.before");
  // A process that could not be made is told below.
  if (impl.cloned) (void)send_plan(impl.sync.get(), prepared, memory.get());
  if (!send_plan(impl.control.get(), prepared, memory.get()))
    return lost_monitor(impl.monitor, "rcrt-monitor ended before the container was made");
  fault_point("launcher.commit.sent");
  if (!impl.cloned) impl.sync = std::move(prepared.sync);
  impl.record_follows = prepared.record_follows;
  const bool new_network = prepared.new_network;
  impl.interface_sysctls = std::move(prepared.interface_sysctls);
  impl.process.monitor_start_time = process_start_time(impl.process.monitor_pid);
  prepared = {};  // our copies of the descriptors

  MonitorMessage message = {};
  RCRT_ASSIGN(bool more, receive(impl.control.get(), message, impl.process.pidfd));
  if (!more) return lost_monitor(impl.monitor, "rcrt-monitor ended before the container was made");
  if (message.kind == Kind::kFailed) return std::unexpected(to_error(message.failed));
  if (message.kind != Kind::kStarted || !impl.process.pidfd)
    return error("rcrt-monitor answered with something unknown", {}, "reinstall rcrt");
  fault_point("launcher.commit.after");
  impl.process.pid = message.started.pid;
  impl.process.start_time = process_start_time(impl.process.pid);
  if (new_network) impl.process.netns = network_of(impl.process.pid, impl.process.pidfd.get());
  // When the set-up has failed already, its own error says more than any later one.
  UniqueFd fd;
  if (auto early = receive(impl.sync.get(), message, fd, MSG_DONTWAIT); early && *early) {
    if (message.kind == Kind::kFailed) return impl.failure(message.failed);
    if (message.kind == Kind::kConsole) impl.console = std::move(fd);
    impl.paused = message.kind == Kind::kPaused;
  }
  if (new_network && !impl.process.netns)
    return error("cannot open the container's network namespace", {}, {}, ESRCH);
  return &impl.process;
}

Result<void> Launcher::go() {
  Impl& impl = *impl_;
  RCRT_TRY(set_sysctls_in(impl.process.netns.get(), impl.interface_sysctls));
  allow_all_cpus(impl.monitor);
  fault_point("launcher.go.before");
  // The child first: if we die in between, the monitor takes the container down.
  const bool alive = send_simple(impl.sync.get(), Kind::kGo);  // a child that failed has left its error
  fault_point("launcher.go.child");
  if (!impl.orphan && !send_simple(impl.control.get(), Kind::kGo) && alive) {
    (void)syscall(SYS_pidfd_send_signal, impl.process.pidfd.get(), SIGKILL, nullptr, 0);
    return error("rcrt-monitor was killed before the container started");
  }
  fault_point("launcher.go.monitor");
  bool read = alive;
  for (;;) {
    MonitorMessage message = {};
    UniqueFd fd;
    auto more = receive(impl.sync.get(), message, fd);
    if (!more && more.error().code == ECONNRESET) {
      read = false;  // the child never read our go; its error is still to come
      continue;
    }
    if (!more) return std::unexpected(more.error());
    if (!*more) break;
    if (message.kind == Kind::kFailed) return impl.failure(message.failed);
    if (message.kind == Kind::kConsole) impl.console = std::move(fd);
    if (message.kind == Kind::kListener)
      RCRT_TRY(pass_listener(impl.sync.get(), impl.process.pidfd.get(), message.listener, impl.listener));
  }
  if (!read) return error("the container's process was killed before it could execute its command");
  impl.sync.reset();
  fault_point("launcher.go.after");
  return {};
}

Result<void> Launcher::wait_for_pause() {
  Impl& impl = *impl_;
  while (!impl.paused) {
    MonitorMessage message = {};
    UniqueFd fd;
    RCRT_ASSIGN(bool more, receive(impl.sync.get(), message, fd));
    if (!more) return error("the container's process was killed before it could execute its command");
    if (message.kind == Kind::kFailed) return impl.failure(message.failed);
    if (message.kind == Kind::kConsole) impl.console = std::move(fd);
    impl.paused = message.kind == Kind::kPaused;
  }
  return {};
}

Result<void> Launcher::resume() {
  if (send_simple(impl_->sync.get(), Kind::kGo)) return {};
  return error("the container's process was killed before it could execute its command");
}

Result<void> start_waiting(int socket, int pidfd, const ListenerSink& listener) {
  if (!send_simple(socket, Kind::kGo)) return error("the container's process does not wait any more");
  for (;;) {
    MonitorMessage message = {};
    UniqueFd fd;
    RCRT_ASSIGN(bool more, receive(socket, message, fd));
    if (!more) return {};
    if (message.kind == Kind::kFailed) return std::unexpected(to_error(message.failed));
    if (message.kind == Kind::kListener) RCRT_TRY(pass_listener(socket, pidfd, message.listener, listener));
  }
}

int Launcher::console() const { return impl_->console.get(); }
pid_t Launcher::monitor_pid() const { return impl_->monitor.pid; }
int Launcher::exit_event() const { return impl_->control.get(); }

Result<ExitRecord> Launcher::Impl::wait() {
  while (!exit) {
    MonitorMessage message = {};
    UniqueFd fd;
    RCRT_ASSIGN(bool more, receive(control.get(), message, fd));
    if (!more) {
      // It is on its way out: whoever looks at the container next must not find it there.
      waitpid(process.monitor_pid, nullptr, 0);
      return error("rcrt-monitor is gone; the container's exit status is lost");
    }
    if (message.kind != Kind::kExited) continue;
    auto& exited = message.exited;
    exit = ExitRecord{exited.exit_code, exited.signal, exited.oom_killed != 0, exited.finished_at, false};
  }
  return *exit;
}

Result<ExitRecord> Launcher::wait() {
  RCRT_ASSIGN(ExitRecord record, impl_->wait());
  fault_point("launcher.wait.after");
  return record;
}

void Launcher::settle() {
  MonitorMessage message = {};
  UniqueFd fd;
  while (impl_->record_follows) {
    auto more = receive(impl_->control.get(), message, fd);
    impl_->record_follows = more && *more && message.kind != Kind::kRecorded;
  }
}

void Launcher::cleaned_up() {
  fault_point("launcher.cleaned_up.before");
  send_simple(impl_->control.get(), Kind::kCleanedUp);
  fault_point("launcher.cleaned_up.after");
}

Result<ExitRecord> read_exit_record(const std::string& path) {
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return errno_error("cannot open the exit record", path);
  char text[512];
  ssize_t size = read(file.get(), text, sizeof text);
  if (size < 0) return errno_error("cannot read the exit record", path);
  Json json = Json::parse(text, text + size, nullptr, false);
  ExitRecord record;
  try {
    record.exit_code = json.at("exitCode").get<int>();
    record.signal = json.at("signal").get<int>();
    record.oom_killed = json.at("oomKilled").get<bool>();
    record.finished_at = json.at("finishedAt").get<int64_t>();
    record.lost = json.value("lost", false);
  } catch (const Json::exception&) {
    return error("the exit record is not readable", path);
  }
  return record;
}

}  // namespace rcrt
