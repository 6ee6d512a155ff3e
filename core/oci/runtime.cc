// SPDX-License-Identifier: MIT
#include "core/oci/runtime.h"

#include <fcntl.h>
#include <rcrt/isolation.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/files.h"
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
  auto record = folder.read();
  if (!record && record.error().code == ENOENT)
    return error("container is half created", id, "remove it with `delete --force`", ENOENT);
  if (!record) return std::unexpected(record.error());
  return Opened{std::move(folder), std::move(*record)};
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

Result<void> send_console(const std::string& path, int master) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error("cannot make a socket");
  // Reached through its folder: an engine's paths may be longer than a socket's address.
  auto slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  UniqueFd dir(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return errno_error("cannot reach the console socket", path);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  std::string short_path = "/proc/self/fd/" + std::to_string(dir.get()) + "/" + name;
  if (short_path.size() >= sizeof address.sun_path)
    return error("cannot reach the console socket", path, "its name is too long", ENAMETOOLONG);
  memcpy(address.sun_path, short_path.c_str(), short_path.size() + 1);
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return errno_error("cannot reach the console socket", path);

  // As runc has it: the message's text is the terminal's name.
  char text[] = "/dev/ptmx";
  iovec piece = {text, sizeof text - 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof master);
  memcpy(CMSG_DATA(header), &master, sizeof master);
  if (sendmsg(socket.get(), &message, MSG_NOSIGNAL) < 0)
    return errno_error("cannot send the terminal to the console socket", path);
  return {};
}

Result<void> write_pid_file(const std::string& path, pid_t pid) {
  if (path.empty()) return {};
  return write_file(path, std::to_string(pid), Durable::no, 0644);
}

int reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace rcrt::oci
