// SPDX-License-Identifier: MIT
// The root, volumes, and the sources of bind mounts.
#include <fcntl.h>
#include <linux/mount.h>
#include <rcrt/storage.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <system_error>

#include "base/fault.h"
#include "core/creation.h"
#include "core/id_map.h"
#include "core/process.h"
#include "core/user_namespace.h"

namespace rcrt {
namespace {

// As in /proc/<pid>/uid_map.
std::string lines_of(const std::vector<IdMapping>& mappings) {
  std::string lines;
  for (const auto& m : mappings)
    lines += std::to_string(m.container) + " " + std::to_string(m.host) + " " + std::to_string(m.size) + "\n";
  return lines;
}

void keep_on(std::jthread& thread, const cpu_set_t& cpus) {
  pthread_setaffinity_np(thread.native_handle(), sizeof cpus, &cpus);
}

}  // namespace

Json storage_request(const RunOptions& options, const Resolved& resolved, const Paths& paths,
                     const std::string& layers_dir, const std::string& id) {
  Json request = {{"container", id},
                  {"dir", paths.container(id) + "/storage"},
                  // Layers get mount points made in them first; the launcher makes the root read-only.
                  {"read_only", options.read_only && !resolved.source.empty()},
                  {"volatile", options.remove},
                  {"options", options.storage_options}};
  if (!options.uid_map.empty()) {
    request["uid_mappings"] = id_mappings(options.uid_map);
    request["gid_mappings"] = id_mappings(options.gid_map);
  }
  if (resolved.source.empty()) {
    request["layers_dir"] = layers_dir;
    request["layers"] = resolved.layers;
  } else {
    request["source"] = resolved.source;
  }
  return request;
}

Result<void> Creation::begin_storage() {
  RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("storage", options_.storage));
  Json request = storage_request(options_, resolved_, paths(), engine_.images_.layers_dir(), id_);
  RCRT_TRY(journal("storage", options_.storage, request));
  auto task = std::make_shared<std::packaged_task<Result<void>()>>(
      [this, plugin, request = std::move(request)] { return prepare_storage(*plugin, request); });
  storage_ = task->get_future();
  try {
    storage_thread_ = std::jthread([task] {
      // Signals are for the thread that knows what they mean.
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_BLOCK, &all, nullptr);
      (*task)();
    });
  } catch (const std::system_error&) {
    (*task)();  // no thread can be had
    return {};
  }
  if (auto cpus = choose_cpus()) keep_on(storage_thread_, cpus->others);
  return {};
}

Result<void> Creation::prepare_storage(const Plugin& plugin, const Json& request) {
  // A plugin may change the working directory for a moment: this thread's own.
  if (unshare(CLONE_FS) != 0) return errno_error("cannot have a working directory of its own");
  const auto* table = plugin.get<rcrt_storage_v1>(RCRT_STORAGE_V1);
  std::vector<rcrt_fd> fds;
  UniqueFd users;
  if (!options_.uid_map.empty()) {
    RCRT_ASSIGN(users, make_user_namespace(lines_of(options_.uid_map), lines_of(options_.gid_map)));
    fds.push_back({"user_namespace", users.get()});
  }
  RCRT_ASSIGN(PluginReply reply, plugin.call(table->prepare, "prepare", request, fds));
  root_ = reply.take("root");
  if (!root_) return error("plugin gave no root", plugin.path(), "report it to the plugin's author");
  if (struct stat st; fstat(root_.get(), &st) != 0 || !S_ISDIR(st.st_mode))
    return plugin.misbehaved("its root is no directory");
  if (users && !reply.result.value("ids_mapped", false)) RCRT_TRY(map_root(users.get()));
  fault_point("storage prepared");
  return {};
}

Result<void> Creation::finish_storage() {
  // We have nothing else to do; where there is but one other CPU, the container's process has much.
  if (storage_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
    if (auto cpus = choose_cpus(); cpus && CPU_COUNT(&cpus->others) == 1)
      keep_on(storage_thread_, cpus->ours);
  RCRT_TRY(storage_.get());
  return nodev_ ? no_devices_in_root() : Result<void>();
}

// A directory whose top belongs to a user of the container's has been made for it already.
Result<void> Creation::map_root(int user_namespace) const {
  struct stat top;
  if (fstat(root_.get(), &top) != 0) return errno_error("cannot look at the root");
  for (const auto& mapping : options_.uid_map)
    if (top.st_uid >= mapping.host && top.st_uid - mapping.host < mapping.size) return {};
  return map_ids(root_.get(), user_namespace, true, resolved_.source);
}

Result<void> Creation::no_devices_in_root() {
  if (options_.privileged) return {};
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_NODEV;
  if (syscall(SYS_mount_setattr, root_.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
              sizeof attributes) != 0)
    return errno_error("cannot forbid device nodes in the root");
  return {};
}

Result<void> Creation::prepare_volumes() {
  Json volumes = Engine::volumes_json(options_.mounts);
  if (volumes.empty()) return {};
  RCRT_TRY(journal("volumes", "", {{"volumes", volumes}}));
  RCRT_ASSIGN(volumes_, engine_.make_volumes(options_.mounts, root_.get(), root_user()));
  return {};
}

Result<void> Creation::make_bind_sources() const {
  for (const auto& mount : options_.mounts) {
    if (mount.type != "bind" || access(mount.source.c_str(), F_OK) == 0) continue;
    if (!mount.create_source)
      return error("mount source does not exist", mount.source, "create it first", ENOENT);
    for (size_t slash = 1; slash != std::string::npos;) {
      slash = mount.source.find('/', slash + 1);
      std::string part = mount.source.substr(0, slash);
      if (mkdir(part.c_str(), 0755) != 0 && errno != EEXIST)
        return errno_error("cannot make mount source", part);
    }
  }
  return {};
}

}  // namespace rcrt
