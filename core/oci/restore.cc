// SPDX-License-Identifier: MIT
// `restore`: files into a container.
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <rcrt/isolation.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/undo.h"
#include "base/words.h"
#include "core/files.h"
#include "core/oci/checkpoint.h"
#include "core/oci/criu.h"
#include "core/oci/hooks.h"
#include "core/oci/intel_rdt.h"
#include "core/oci/mount_points.h"
#include "core/oci/namespaces.h"
#include "core/oci/new_container.h"
#include "core/oci/route_socket.h"
#include "core/oci/runtime.h"
#include "core/process.h"

namespace rcrt::oci {
namespace {

constexpr char kLog[] = "restore.log";
constexpr char kRoot[] = "/root";  // in the container's folder

// CRIU wants a root that is a mount point. Only we and criu see it: it is gone with us.
Result<void> mount_root(const std::string& rootfs, const std::string& at) {
  if (mkdir(at.c_str(), 0700) != 0) return errno_error("cannot make a folder for the root", at);
  if (mount(rootfs.c_str(), at.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
    return errno_error("cannot mount the root", rootfs);
  return {};
}

Result<void> leave_machines_mounts() {
  if (unshare(CLONE_NEWNS) != 0) return errno_error("cannot make a mount namespace");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return errno_error("cannot keep our mounts to ourselves");
  return {};
}

// A new network namespace has a loopback device, which is down.
Result<void> raise_loopback(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  UniqueFd here(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  UniqueFd there(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!here || !there || setns(there.get(), CLONE_NEWNET) != 0)
    return errno_error("cannot enter the network namespace", path);
  auto socket = RouteSocket::open();
  if (setns(here.get(), CLONE_NEWNET) != 0) return errno_error("cannot go back to our network namespace");
  if (!socket) return std::unexpected(socket.error());
  RouteMessage up(RTM_NEWLINK);
  up.header<ifinfomsg>().ifi_index = 1;
  up.header<ifinfomsg>().ifi_flags = up.header<ifinfomsg>().ifi_change = IFF_UP;
  return socket->ask(up);
}

}  // namespace

class Restoration {
 public:
  Restoration(Runtime& runtime, const CreateOptions& options, const CriuOptions& criu)
      : runtime_(runtime), options_(options), criu_options_(criu) {}

  Result<Running> run();

 private:
  Result<void> check();
  Result<void> start_criu();
  Result<void> make_record();
  Result<void> enter_cgroup();
  Result<void> fill_request();
  Result<void> hear(Criu::Notice notice);
  Result<void> carry_out();
  std::unexpected<Error> failure(const Error& below, const std::string& log) const {
    return criu_error(below, "cannot restore container", options_.id, log);
  }

  Runtime& runtime_;
  const CreateOptions& options_;
  const CriuOptions& criu_options_;
  Bundle bundle_;
  std::vector<Isolation> isolation_;
  IntelRdt intel_rdt_;
  Json streams_;
  std::string program_;
  Record record_;
  std::optional<Folder> folder_;
  std::optional<Criu> criu_;
  std::vector<std::pair<std::string, UniqueFd>> namespaces_;  // by CRIU's name
  CriuRequest request_{CRIU__TYPE__RESTORE};
  CriuFolders folders_;
  UniqueFd console_;
  Undo undo_;  // the last: its steps use all of the above
};

Result<void> Restoration::check() {
  RCRT_ASSIGN(program_, find_criu(criu_options_.program));
  RCRT_TRY(check_id(options_.id));
  RCRT_TRY(set_choices(criu_options_, request_));
  RCRT_ASSIGN(bundle_, read_bundle(options_.bundle, options_.config_file));
  RCRT_TRY(check_bundle(bundle_, options_, runtime_.settings_.log));
  RCRT_ASSIGN(intel_rdt_, intel_rdt_of(bundle_.config, options_.id));
  RCRT_ASSIGN(isolation_,
              isolation_of(bundle_.config, options_.id, runtime_.settings_.cgroups, runtime_.cache_dir()));
  auto text = read_file(criu_options_.images + "/" + kDescriptors);
  if (!text) return wrap(text.error(), "not a checkpoint of a container", criu_options_.images);
  streams_ = Json::parse(*text, nullptr, false);
  if (!streams_.is_array() || streams_.size() > 3)
    return error("not a checkpoint of a container", criu_options_.images, "descriptors.json is damaged");
  for (const auto& [type, kind] : kOutsideNamespaces) {
    const std::string path = namespace_path(bundle_.config, type);
    if (path.empty()) continue;
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return errno_error(std::string("cannot open the ") + type + " namespace", path);
    namespaces_.emplace_back(outside_name(kind), std::move(fd));
  }
  if (std::string path = namespace_path(bundle_.config, "cgroup"); !path.empty())
    return error("cannot restore into a cgroup namespace that is there", path, "criu has no way to join it");
  return {};
}

Result<void> Restoration::start_criu() {
  RCRT_TRY(leave_machines_mounts());
  std::vector<int> inherited;
  for (const auto& space : namespaces_) inherited.push_back(space.second.get());
  RCRT_ASSIGN(Criu started, Criu::start(program_, {0, 1, 2}, inherited));
  criu_.emplace(std::move(started));
  if (auto fits = criu_->check_version(); !fits) return failure(fits.error(), {});
  return {};
}

Result<void> Restoration::make_record() {
  for (auto& one : isolation_)
    if (auto scope = one.request.find("systemd"); scope != one.request.end()) (*scope)["pid"] = criu_->pid();
  record_ = new_record(options_, bundle_, isolation_, intel_rdt_, runtime_.settings_.owner);
  RCRT_TRY(folder_->write_config(bundle_.text));
  RCRT_TRY(folder_->write(record_));
  fault_point("oci: restore recorded");
  return {};
}

// What criu restores is where criu is.
Result<void> Restoration::enter_cgroup() {
  undo_.add([this] { runtime_.release_or_warn(record_.isolation); });
  undo_.add([this] { criu_.reset(); });
  for (const auto& one : isolation_) {
    if (one.plugin != "cgroup") continue;  // system call filters are in the images
    RCRT_ASSIGN(PluginHost* const host, runtime_.plugins());
    RCRT_ASSIGN(const Plugin* plugin, host->load("isolation", one.plugin));
    const auto* functions = plugin->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
    RCRT_ASSIGN(PluginReply reply, plugin->call(functions->prepare, "prepare", one.request));
    if (UniqueFd fd = reply.take("cgroup")) record_.cgroup = path_of(fd.get());
  }
  if (record_.cgroup.empty()) return {};
  RCRT_TRY(overwrite_file(record_.cgroup + "/cgroup.procs", std::to_string(criu_->pid())));
  RCRT_ASSIGN(std::string text, read_file("/proc/" + std::to_string(criu_->pid()) + "/cgroup"));
  for (const std::string& line : words_of(text, "\n")) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second != line.npos)
      request_.add_cgroup_root(line.substr(first + 1, second - first - 1), line.substr(second + 1));
  }
  return {};
}

Result<void> Restoration::fill_request() {
  RCRT_ASSIGN(folders_, set_common_options(criu_options_, bundle_.config, kLog, false, request_));
  const std::string root = folder_->path() + kRoot;
  RCRT_TRY(mount_root(bundle_.rootfs, root));
  RCRT_TRY(make_mount_points(bundle_.config, root));
  Criu__Options& out = request_.options();
  out.root = request_.text(root);
  RCRT_CRIU_SET(out, evasive_devices, 1);
  RCRT_CRIU_SET(out, restore_as_sibling, 1);
  if (!criu_options_.lsm_profile.empty()) out.lsm_profile = request_.text(criu_options_.lsm_profile);
  if (!criu_options_.lsm_mount_context.empty())
    out.lsm_mount_context = request_.text(criu_options_.lsm_mount_context);
  for (const auto& outside : outside_mounts(bundle_.config))
    request_.add_mount(outside.destination, outside.source);
  int number = Criu::kFirstInherited;
  for (const auto& space : namespaces_) request_.add_inherited_fd(space.first, number++);
  for (const auto& [type, kind] : kJoinedNamespaces)
    if (std::string path = namespace_path(bundle_.config, type); !path.empty())
      request_.join_namespace(kind, path);
  for (size_t stream = 0; stream < streams_.size(); ++stream) {
    const std::string name = streams_[stream].is_string() ? streams_[stream].get<std::string>() : "";
    if (name.starts_with("pipe:") || name.starts_with("file["))
      request_.add_inherited_fd(name, static_cast<int>(stream));
  }
  return {};
}

Result<void> Restoration::hear(Criu::Notice notice) {
  if (notice.script == "setup-namespaces") {
    record_.pid = notice.pid;
    if (makes_namespace(bundle_.config, "network")) RCRT_TRY(raise_loopback(notice.pid));
    RCRT_TRY(run_hooks(bundle_.config, "prestart", state_json(record_, Status::created)));
    return run_hooks(bundle_.config, "createRuntime", state_json(record_, Status::creating));
  }
  if (notice.script == "orphan-pts-master") {
    if (!options_.console_socket.empty()) return send_console(options_.console_socket, notice.fd.get());
    console_ = std::move(notice.fd);
  }
  if (notice.script == "post-restore") {
    record_.pid = notice.pid;
    record_.start_time = process_start_time(notice.pid);
    if (!intel_rdt_.group.empty()) {
      undo_.add([this] { release_intel_rdt(record_.extra["resctrl"]); });
      RCRT_TRY(enter_intel_rdt(intel_rdt_, record_.pid));
    }
    // Recorded before it goes on.
    return folder_->write(record_);
  }
  return {};
}

Result<void> Restoration::carry_out() {
  undo_.add([this] {
    if (record_.pid > 0 && ::kill(record_.pid, SIGKILL) == 0) reap(record_.pid);
  });
  auto pid = criu_->carry_out(request_, [this](Criu::Notice notice) { return hear(std::move(notice)); });
  if (!pid) return failure(pid.error(), folders_.log);
  fault_point("oci: restored");
  const std::string root = folder_->path() + kRoot;
  umount2(root.c_str(), MNT_DETACH);
  rmdir(root.c_str());
  return write_pid_file(options_.pid_file, record_.pid);
}

Result<Running> Restoration::run() {
  RCRT_TRY(check());
  if (chdir(bundle_.path.c_str()) != 0) return errno_error("cannot change to the bundle", bundle_.path);
  RCRT_ASSIGN(folder_, Folder::make(runtime_.settings_.root, options_.id));
  undo_.add([this] { folder_->remove(); });
  RCRT_TRY(start_criu());
  RCRT_TRY(make_record());
  RCRT_TRY(enter_cgroup());
  RCRT_TRY(fill_request());
  RCRT_TRY(carry_out());
  Running running;
  running.pid = record_.pid;
  running.pidfd = open_process(record_.pid, record_.start_time);
  if (!running.pidfd) return error("the container ended while it was restored", options_.id);
  running.console = std::move(console_);
  undo_.commit();
  folder_->unlock();
  return running;
}

Result<Running> Runtime::restore(const CreateOptions& options, const CriuOptions& criu) {
  return Restoration(*this, options, criu).run();
}

}  // namespace rcrt::oci
