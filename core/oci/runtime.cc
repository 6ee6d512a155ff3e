// SPDX-License-Identifier: MIT
#include "core/oci/runtime.h"

#include <fcntl.h>
#include <rcrt/isolation.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/files.h"
#include "core/oci/sockets.h"
#include "core/oci/strict_json.h"
#include "core/process.h"

namespace rcrt::oci {

Result<Paths*> Runtime::paths() {
  if (!paths_) {
    RCRT_ASSIGN(paths_, find_paths());
    if (const char* root = getenv("RCRT_ROOT"); root != nullptr && *root == '/') paths_->root = root;
  }
  return &*paths_;
}

Result<PluginHost*> Runtime::plugins() {
  if (!plugins_) {
    RCRT_ASSIGN(Paths* const where, paths());
    plugins_ = std::make_unique<PluginHost>(where->plugin_folders, settings_.log);
  }
  return plugins_.get();
}

std::string Runtime::cache_dir() {
  auto where = paths();
  if (!where || !make_folders((*where)->cache())) return {};  // compiled each time, then
  return (*where)->cache();
}

Result<Runtime::Opened> Runtime::open(const std::string& id) {
  RCRT_ASSIGN(Folder folder, Folder::open(settings_.root, id));
  RCRT_ASSIGN(Record record, folder.read());
  return Opened{std::move(folder), std::move(record)};
}

Json state_json(const Record& record, Status status) {
  Json state = {{"ociVersion", kSpecVersion},
                {"id", record.id},
                {"status", status_name(status)},
                {"pid", status == Status::stopped ? 0 : record.pid},
                {"bundle", record.bundle}};
  if (!record.annotations.empty()) state["annotations"] = record.annotations;
  return state;
}

Result<Json> Runtime::state(const std::string& id) {
  RCRT_ASSIGN(Opened container, open(id));
  Json state = state_json(container.record, status_of(container.folder, container.record));
  state["rootfs"] = container.record.rootfs;
  state["created"] = container.record.created;
  state["owner"] = container.record.owner;
  if (!state.contains("annotations")) state["annotations"] = Json::object();
  return state;
}

Result<void> Runtime::release(const Json& isolation) {
  for (const auto& entry : isolation) {
    if (!entry.is_object() || !entry.contains("plugin") || !entry.contains("request")) continue;
    RCRT_ASSIGN(PluginHost* const host, plugins());
    RCRT_ASSIGN(const Plugin* plugin, host->load("isolation", entry["plugin"].get<std::string>()));
    const auto* table = plugin->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
    RCRT_TRY(plugin->call(table->release, "release", entry["request"]));
  }
  return {};
}

void Runtime::release_or_warn(const Json& isolation) {
  if (auto released = release(isolation); !released && settings_.log)
    settings_.log(RCRT_LOG_WARNING, "rcrt-oci", released.error().message());
}

Result<void> send_console(const std::string& socket, int master) {
  // As runc has it: the message's text is the terminal's name.
  return send_descriptor(socket, "the console socket", "/dev/ptmx", master);
}

Result<void> write_pid_file(const std::string& path, pid_t pid) {
  if (path.empty()) return {};
  return write_file(path, std::to_string(pid), Durable::no, 0644);
}

Result<void> check_executed(pid_t pid, int pidfd) {
  // Who is not reaped yet still has his pid: it was he whom we looked at.
  if (!never_executed(pid) || !send_signal(pidfd, 0)) return {};
  return error("the container's process was killed before it could execute its command", {},
               "linux.seccomp may forbid what it needs: execve, write, exit_group");
}

int reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace rcrt::oci
