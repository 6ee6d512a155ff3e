// SPDX-License-Identifier: MIT
// The record of a container on disk, and finding it.
//
//   <root>/containers/<id>/   config.json  what it is, written at each start; without it, half removed
//                             created      empty; there until the first start
//                             exit.json    how it ended, written by the monitor
//                             container.log, and what storage plugins keep: storage, storage.*
//                             flock(2) of the folder itself: exclusive while somebody changes it
//   <state>/containers/<id>/  state.json   its process and networks, while it runs
//                             journal      what to undo
//   <root>/names/<name>       symbolic link whose text is the id; only for names somebody chose,
//                             a generated name follows from the id
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"
#include "core/launcher.h"
#include "core/names.h"
#include "core/paths.h"

namespace rcrt {

//   created --> creating -> running -> exited -> (removed)
//                |   ^        |          |
//                |   +--------|----------+
//                +------------+--> dead: its process is gone and nobody recorded why;
//                                  the next command that meets it rolls it back
enum class Status { created, creating, running, exited, dead };
const char* status_name(Status status);

struct Container {
  std::string id;
  Json config;  // config.json
  Json state;   // state.json; {} when it does not run
  std::optional<ExitRecord> exit;
  bool created = false;  // made by `create`, and never started
  std::string damaged;   // a file of its record that is there and cannot be read
  Status status = Status::dead;

  std::string name() const { return config.value("name", ""); }
  pid_t pid() const { return state.value("pid", -1); }
  bool auto_remove() const { return config.value("autoRemove", false); }
  UniqueFd open_process() const;
  UniqueFd open_monitor() const;
};

// A lock on one container, released when destroyed or when the process dies.
class ContainerLock {
 public:
  enum class Mode { shared, exclusive };
  // Waits so many milliseconds, -1 for ever; then an Error with code EWOULDBLOCK that says who has it.
  // ENOENT when the container has been removed.
  static Result<ContainerLock> acquire(const Paths& paths, const std::string& id, Mode mode,
                                       int timeout_ms = -1);
  void release() { fd_.reset(); }

 private:
  UniqueFd fd_;
};

class ContainerStore {
 public:
  explicit ContainerStore(const Paths& paths) : paths_(paths) {}

  // By name, id, or unique prefix of an id. ENOENT when there is none.
  Result<std::string> find(const std::string& reference) const;
  // What is on disk now. A container that cannot be read at all is an Error.
  Result<Container> load(const std::string& id) const;
  std::vector<std::string> ids() const;

  // Takes a name for an id: chosen, or the one generated for it. EEXIST when another container has it.
  Result<void> take_name(const std::string& name, const std::string& id) const;
  // The id that has the name, or empty.
  std::string name_owner(const std::string& name) const;
  void give_up_name(const std::string& name, const std::string& id) const;

 private:
  std::string link_of(const std::string& name) const;

  const Paths& paths_;
};

// 64 random hex digits.
Result<std::string> new_id();
// Two words for a container that got no name; `id` chooses them.
std::string generated_name(const std::string& id);

}  // namespace rcrt
