// SPDX-License-Identifier: MIT
// Undo: the journal backwards, idempotent, going on past failures.
#include <fcntl.h>
#include <rcrt/isolation.h>
#include <rcrt/network.h>
#include <rcrt/storage.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <ranges>

#include "base/fault.h"
#include "base/tree.h"
#include "core/engine.h"
#include "core/files.h"
#include "core/process.h"

namespace rcrt {

// They may be in a folder that only the run was told of.
void Engine::use_plugins_of(const Container& container, const std::vector<JournalEntry>& entries) {
  auto search = [&](const Json& record, const char* member) {
    std::vector<std::string> folders;
    if (auto it = record.find(member); it != record.end() && it->is_array())
      for (const auto& folder : *it)
        if (folder.is_string()) folders.push_back(folder.get<std::string>());
    plugins_.also_search(folders);
  };
  search(container.config, "pluginFolders");
  for (const auto& entry : entries)
    if (entry.step == "name") search(entry.request, "plugin_folders");
}

Result<void> Engine::undo_step(const JournalEntry& entry, bool remove) {
  if (entry.step == "storage") {
    RCRT_ASSIGN(const Plugin* plugin, plugins_.load("storage", entry.plugin));
    const auto* table = plugin->get<rcrt_storage_v1>(RCRT_STORAGE_V1);
    RCRT_TRY(plugin->call(table->release, "release", entry.request));
    fault_point("storage released");
    if (remove) RCRT_TRY(plugin->call(table->remove, "remove", entry.request));
  } else if (entry.step == "isolation") {
    RCRT_ASSIGN(const Plugin* plugin, plugins_.load("isolation", entry.plugin));
    const auto* table = plugin->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
    RCRT_TRY(plugin->call(table->release, "release", entry.request));
  } else if (entry.step == "network") {
    RCRT_ASSIGN(const Plugin* plugin, plugins_.load("net", entry.plugin));
    const auto* table = plugin->get<rcrt_network_v1>(RCRT_NETWORK_V1);
    if (table->idle != nullptr) left_networks_.insert(entry.plugin);
    RCRT_TRY(plugin->call(table->detach, "detach", entry.request));
  }
  return {};
}

// The plugin that could undo it is not there any more.
bool Engine::is_lost(const JournalEntry& entry) {
  const char* kind = entry.step == "network" ? "net" : entry.step.c_str();
  const auto plugin = plugins_.load(kind, entry.plugin);
  return !plugin && plugin.error().code == ENOENT;
}

Result<void> Engine::kill_in_plugin(const JournalEntry& entry) {
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("isolation", entry.plugin));
  const auto* table = plugin->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
  RCRT_TRY(plugin->call(table->kill, "kill", entry.request));
  return {};
}

Result<void> Engine::kill_leftovers(const Container& container, const std::vector<JournalEntry>& entries,
                                    bool give_up) {
  // A cgroup reaches every process, also those that left the pid namespace.
  for (const auto& entry : entries) {
    if (entry.step != "isolation" || is_lost(entry)) continue;
    if (auto killed = kill_in_plugin(entry); !killed && !give_up) return killed;
  }
  UniqueFd process = container.open_process();
  if (!process) return {};
  if (auto sent = send_signal(process.get(), SIGKILL); !sent && sent.error().code != ESRCH)
    return std::unexpected(sent.error());
  if (!wait_for_end(process.get(), 10'000))
    return error("container does not end after SIGKILL", container.id,
                 "a process is stuck in the kernel; try again later", ETIMEDOUT);
  return {};
}

Result<void> Engine::clean_up(const std::string& id, const CleanUp& how) {
  auto lock = ContainerLock::acquire(paths_, id, ContainerLock::Mode::exclusive, how.patience_ms);
  if (!lock && lock.error().code == ENOENT) {  // somebody else has done it
    // A name that outlived its container is free again.
    for (const auto& name : names_of(id)) containers_.give_up_name(name, id);
    return {};
  }
  if (!lock) return std::unexpected(lock.error());
  RCRT_ASSIGN(Container container, containers_.load(id));
  if (container.open_process() && !how.kill) return error("container is running", id, "stop it first", EBUSY);

  const std::string state = paths_.container_state(id), record = paths_.container(id) + "/config.json";
  RCRT_ASSIGN(auto entries, Journal::read(state));
  use_plugins_of(container, entries);
  bool begun = std::ranges::any_of(entries, [](const JournalEntry& e) { return e.step == "started"; });
  // After a reboot there is no journal: what had its configuration then was about to run, or ran.
  bool lost = entries.empty() && !container.config.empty();
  bool started = container.exit || container.created || begun || lost;
  // Whoever removed it was killed; of a start, the record is there before anything can begin.
  const bool half_removed = access(record.c_str(), F_OK) != 0 && errno == ENOENT;
  const bool remove =
      how.remove || (container.auto_remove() && !container.created) || !started || half_removed;
  RCRT_TRY(kill_leftovers(container, entries, how.give_up));

  // Nothing of a stopped container is in the journal; what is removed with it is in its record.
  bool has_root = std::ranges::any_of(entries, [](const JournalEntry& e) { return e.step == "storage"; });
  if (remove && !has_root && container.config.contains("storageRequest"))
    entries.push_back({"storage", container.config.value("storage", ""), container.config["storageRequest"]});

  std::string name = container.name();
  Json volumes = container.config.value("volumes", Json::array());
  for (const auto& entry : entries) {
    if (entry.step == "name") name = entry.request.value("name", "");
    if (entry.step == "volumes") volumes = entry.request.value("volumes", Json::array());
  }
  std::vector<JournalEntry> left;
  Result<void> first;
  for (const auto& entry : std::views::reverse(entries)) {
    fault_point("before undo");
    if (auto undone = undo_step(entry, remove); !undone && how.give_up) {
      log_(RCRT_LOG_WARNING, "rcrt",
           undone.error().message() + "; what the plugin " + entry.plugin + " made for container " + name +
               " may be left");
    } else if (!undone) {
      left.insert(left.begin(), entry);
      if (first) first = std::unexpected(undone.error());
    }
    fault_point("undone");
  }
  if (!left.empty()) {
    if (begun) left.push_back({"started", "", Json::object()});
    RCRT_TRY(Journal::replace(state, left));
    return first;
  }
  if (!remove && !container.exit && !container.created) {
    // The monitor was killed, or the power went: how the container ended, nobody saw.
    Json ended = {
        {"exitCode", 255}, {"signal", 0}, {"oomKilled", false}, {"finishedAt", now_ns()}, {"lost", true}};
    RCRT_TRY(write_file(paths_.container(id) + "/exit.json", ended.dump()));
  }
  if (remove && (how.with_volumes || container.auto_remove() || !started))
    RCRT_TRY(remove_anonymous_volumes(volumes, id));
  // Without its record it is dead to whoever finds it half removed, and is removed then.
  if (remove) unlink(record.c_str());
  fault_point("record removed");
  RCRT_TRY(remove_tree(state.c_str()));
  fault_point("state removed");
  if (remove) RCRT_TRY(remove_tree(paths_.container(id).c_str()));
  fault_point("data removed");
  // Last: until then whoever asked for the removal can ask again by name.
  if (remove) {
    for (const auto& owned : name.empty() ? names_of(id) : std::vector{name})
      containers_.give_up_name(owned, id);
    fault_point("name given up");
  }
  return {};
}

Result<bool> Engine::needs_recovery(const std::string& id) {
  auto lock = ContainerLock::acquire(paths_, id, ContainerLock::Mode::exclusive, 0);
  if (!lock && lock.error().code == EWOULDBLOCK) return false;  // in somebody's hands
  if (!lock && lock.error().code == ENOENT) return !names_of(id).empty();
  if (!lock) return std::unexpected(lock.error());
  RCRT_ASSIGN(Container container, containers_.load(id));
  // What it is, nobody can tell: it may run, and hold what somebody wants to keep.
  if (!container.damaged.empty())
    return error("container's record is damaged", container.damaged,
                 "mend it, or remove the container with `rcrt rm -f " + id.substr(0, 12) + "`", EIO);
  if (container.open_monitor()) return false;  // runs, or is being cleaned up
  bool half_made = container.status == Status::dead || container.status == Status::creating;
  bool left_over = (container.status == Status::exited && container.auto_remove()) ||
                   ((container.status == Status::exited || container.status == Status::created) &&
                    access(paths_.container_state(id).c_str(), F_OK) == 0);
  bool orphan_runs = container.status == Status::running && container.open_process();
  return !orphan_runs && (half_made || left_over);
}

Result<void> Engine::recover_one(const std::string& id) {
  RCRT_ASSIGN(const bool needed, needs_recovery(id));
  return needed ? clean_up(id, {.kill = true}) : Result<void>();
}

std::vector<std::string> Engine::names_of(const std::string& id) const {
  std::vector<std::string> names;
  for (const auto& name : list_folder(paths_.names()))
    if (containers_.name_owner(name) == id) names.push_back(name);
  return names;
}

Result<std::vector<std::string>> Engine::recover() {
  std::vector<std::string> treated;
  Result<void> first;
  for (const auto& id : containers_.ids()) {
    bool had_state = access(paths_.container_state(id).c_str(), F_OK) == 0;
    if (auto done = recover_one(id); !done) {
      if (first) first = done;
    } else if (access(paths_.container(id).c_str(), F_OK) != 0 ||
               (had_state && access(paths_.container_state(id).c_str(), F_OK) != 0)) {
      treated.push_back(id);
    }
  }
  if (auto swept = volumes_.sweep(); !swept && first) first = swept;
  // Names whose container is gone: killed between the two.
  for (const auto& name : list_folder(paths_.names())) {
    std::string owner = containers_.name_owner(name);
    if (access(paths_.container(owner).c_str(), F_OK) != 0) containers_.give_up_name(name, owner);
  }
  // State whose container is gone.
  for (const auto& id : list_folder(paths_.state + "/containers"))
    if (access(paths_.container(id).c_str(), F_OK) != 0)
      if (auto removed = remove_tree(paths_.container_state(id).c_str()); !removed && first) first = removed;
  if (!first) return std::unexpected(first.error());
  return treated;
}

Result<void> Engine::idle_networks(const std::vector<std::string>& plugins, int quiet_ms) {
  Result<void> first;
  for (const auto& name : plugins)
    if (auto done = network_call(name, "idle", {{"quiet_ms", quiet_ms}}); !done && first)
      first = std::unexpected(done.error());
  return first;
}

}  // namespace rcrt
