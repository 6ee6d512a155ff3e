// SPDX-License-Identifier: MIT
#include "core/oci/new_container.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/capabilities.h"
#include "core/files.h"
#include "core/oci/hooks.h"
#include "core/oci/namespaces.h"
#include "core/plan_builder.h"
#include "core/process.h"

namespace rcrt::oci {
namespace {

std::string now_text() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts = {};
  gmtime_r(&now.tv_sec, &parts);
  char text[64];
  size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(text + size, sizeof text - size, ".%09ldZ", now.tv_nsec);
  return text;
}

// The pipes among our streams, which will be the container's; restore puts others in their place.
Json standard_pipes() {
  Json pipes = Json::array();
  for (int stream = 0; stream < 3; ++stream) {
    struct stat status;
    const bool pipe = fstat(stream, &status) == 0 && S_ISFIFO(status.st_mode);
    pipes.push_back(pipe ? "pipe:[" + std::to_string(status.st_ino) + "]" : "");
  }
  return pipes;
}

// As crun: a label says nothing to a kernel that has none.
void ignore_label_without_selinux(Json& config, const PluginHost::LogSink& log) {
  static const Json::json_pointer kPlace("/linux");
  if (!config.contains(kPlace / "mountLabel") || !config[kPlace]["mountLabel"].is_string()) return;
  auto known = read_file("/proc/filesystems", 65536);
  if (known && known->find("selinuxfs") != std::string::npos) return;
  config[kPlace].erase("mountLabel");
  if (log) log(RCRT_LOG_WARNING, "rcrt-oci", "linux.mountLabel: this kernel has no SELinux, ignoring");
}

// As the specification has it: what cannot be granted is left out, which is a warning.
void warn_of_capabilities(const PlanDraft& draft, const PluginHost::LogSink& log) {
  if (!log || draft.has(CLONE_NEWUSER)) return;
  const uint64_t wanted = draft.bounding | draft.permitted | draft.inheritable;
  uint64_t missing = (draft.effective & ~draft.permitted) | (draft.ambient & ~draft.permitted) |
                     (draft.ambient & ~draft.inheritable);
  const auto names = capabilities();
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    const uint64_t bit = uint64_t{1} << i;
    if ((wanted & bit) != 0 && prctl(PR_CAPBSET_READ, i) != 1) missing |= bit;
    if ((missing & bit) != 0) list += (list.empty() ? "" : ", ") + std::string(names[i]);
  }
  if (!list.empty())
    log(RCRT_LOG_WARNING, "rcrt-oci", "process.capabilities: " + list + " cannot be granted");
}

}  // namespace

Result<void> check_bundle(Bundle& bundle, const CreateOptions& options, const PluginHost::LogSink& log) {
  RCRT_TRY(check_hooks(bundle.config));
  ignore_label_without_selinux(bundle.config, log);
  RCRT_ASSIGN(const PlanDraft draft, build_plan(bundle.config));
  warn_of_capabilities(draft, log);
  const bool terminal = draft.terminal;
  const bool leaves = options.wait_for_start || options.detached;
  if (terminal && leaves && options.console_socket.empty())
    return error("cannot allocate tty if runc will detach without setting console socket", {},
                 "give --console-socket, or set process.terminal to false");
  if (!terminal && !options.console_socket.empty())
    return error("cannot use console socket if runc will not detach or allocate tty", {},
                 "set process.terminal to true, or leave --console-socket away");
  return {};
}

Result<IntelRdt> intel_rdt_of(const Json& config, const std::string& id) {
  if (!config.contains("/linux/intelRdt"_json_pointer)) return IntelRdt();
  RCRT_ASSIGN(std::string mounts, read_file("/proc/self/mountinfo"));
  return read_intel_rdt(config, id, resctrl_folder(mounts));
}

Record new_record(const CreateOptions& options, const Bundle& bundle, const std::vector<Isolation>& isolation,
                  const IntelRdt& intel_rdt, const std::string& owner) {
  Record record;
  record.id = options.id;
  record.bundle = bundle.path;
  record.rootfs = bundle.rootfs;
  record.created = now_text();
  record.boot_id = boot_id();
  record.owner = owner;
  if (auto it = bundle.config.find("annotations"); it != bundle.config.end() && it->is_object())
    record.annotations = *it;
  record.poststop = has_hooks(bundle.config, "poststop");
  record.own_pids = makes_namespace(bundle.config, "pid");
  record.no_pivot = options.no_pivot;
  record.keep_keyring = options.no_new_keyring;
  record.start_hooks = has_hooks(bundle.config, "startContainer") || has_hooks(bundle.config, "poststart");
  for (const auto& one : isolation)
    if (one.plugin != "seccomp")
      record.isolation.push_back({{"plugin", one.plugin}, {"request", one.request}});
  record.extra["pipes"] = standard_pipes();
  if (Json made = intel_rdt.to_json(); !made.is_null()) record.extra["resctrl"] = std::move(made);
  return record;
}

}  // namespace rcrt::oci
