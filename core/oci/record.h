// SPDX-License-Identifier: MIT
// A container of rcrt-oci on disk:
//
//   <root>/<id>/  state.json   the Record: written to a temporary name and renamed
//                 config.json  the configuration, as it was when the container was created
//                 start        the socket on which its process waits for `start`; while it
//                              is still being made it is called start.new
//                 notify/      the socket on which its processes say that they are ready, where
//                              a service manager wants to know
//   The folder itself is locked (flock) by whoever makes, starts or deletes the container.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"

namespace rcrt::oci {

inline constexpr char kSpecVersion[] = "1.3.0";

// Letters, digits, "_", "+", "-", "." as runc has it; not "." or "..".
Result<void> check_id(const std::string& id);

struct Record {
  std::string id, bundle, rootfs, created, owner;
  pid_t pid = 0;            // 0: there is no process yet
  uint64_t start_time = 0;  // a pid alone may be another process by now
  std::string boot_id;
  std::string cgroup;                          // folder of its cgroup on this machine; may be empty
  Json annotations = Json::object();           // of the configuration
  Json isolation = Json::array();              // [{"plugin","request"}]: what is to be released
  bool start_hooks = false, poststop = false;  // the configuration has hooks of these kinds
  bool own_pids = true;                        // it has a pid namespace of its own
  bool no_pivot = false;
  bool keep_keyring = false;
  Json extra = Json::object();  // {"resctrl": ..., "unit": ...}

  Json to_json() const;
  static Result<Record> from_json(const Json& json);
};

enum class Status { creating, created, running, paused, stopped };
const char* status_name(Status status);

// One container's folder. Holds the lock while it lives, if it was asked for.
class Folder {
 public:
  // Makes it, locked. EEXIST when there is such a container.
  static Result<Folder> make(const std::string& root, const std::string& id);
  // ENOENT, with runc's words, when there is none, or a folder that is no container's.
  static Result<Folder> open(const std::string& root, const std::string& id);

  // Waits for whoever changes the container now.
  Result<void> lock();
  // False when somebody else has it.
  bool try_lock();
  void unlock();

  Result<Record> read() const;
  Result<void> write(const Record& record) const;
  Result<Json> read_config() const;
  Result<void> write_config(const std::string& text) const;

  // A socket of that name; one that listens; and a connection to that.
  Result<UniqueFd> bind(const char* name, int type) const;
  Result<UniqueFd> listen(const char* name) const;
  Result<UniqueFd> connect(const char* name) const;
  Result<void> rename(const char* from, const char* to) const;

  void remove();  // with all in it

  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::string path_;
};

// Looks at the process, the socket and the cgroup: never trusts what was recorded.
Status status_of(const Folder& folder, const Record& record);
// A pidfd of its process; invalid when that is gone.
UniqueFd process_of(const Record& record);
bool is_frozen(const std::string& cgroup);
// All its processes, in our pid namespace: those of its cgroup, or else of its pid namespace.
std::vector<pid_t> processes_of(const Record& record);

// What is not a container's folder is left out.
std::vector<std::string> all_ids(const std::string& root);

}  // namespace rcrt::oci
