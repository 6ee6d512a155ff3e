// SPDX-License-Identifier: MIT
#include "core/oci/record.h"

#include <algorithm>

#include "core/files.h"
#include "core/oci/strict_json.h"
#include "core/process.h"

namespace rcrt::oci {

Result<void> check_id(const std::string& id) {
  auto good = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-' || c == '.';
  };
  if (id.empty()) return error("container id cannot be empty", {}, {}, 0);
  if (id.size() > 255 || !std::ranges::all_of(id, good) || id == "." || id == "..")
    return error("invalid id format", id, "use letters, digits, \"_\", \"+\", \"-\" and \".\", at most 255");
  return {};
}

Json Record::to_json() const {
  return {{"ociVersion", kSpecVersion},
          {"id", id},
          {"bundle", bundle},
          {"rootfs", rootfs},
          {"created", created},
          {"owner", owner},
          {"pid", pid},
          {"startTime", start_time},
          {"bootId", boot_id},
          {"cgroup", cgroup},
          {"annotations", annotations},
          {"isolation", isolation},
          {"startHooks", start_hooks},
          {"poststop", poststop},
          {"ownPids", own_pids},
          {"noPivot", no_pivot},
          {"keepKeyring", keep_keyring},
          {"extra", extra}};
}

Result<Record> Record::from_json(const Json& json) {
  Record record;
  try {
    json.at("id").get_to(record.id);
    json.at("bundle").get_to(record.bundle);
    json.at("rootfs").get_to(record.rootfs);
    json.at("created").get_to(record.created);
    json.at("owner").get_to(record.owner);
    json.at("pid").get_to(record.pid);
    json.at("startTime").get_to(record.start_time);
    json.at("bootId").get_to(record.boot_id);
    json.at("cgroup").get_to(record.cgroup);
    json.at("startHooks").get_to(record.start_hooks);
    json.at("poststop").get_to(record.poststop);
    json.at("ownPids").get_to(record.own_pids);
    json.at("noPivot").get_to(record.no_pivot);
    json.at("keepKeyring").get_to(record.keep_keyring);
    record.annotations = json.at("annotations");
    record.isolation = json.at("isolation");
    record.extra = json.at("extra");
  } catch (const Json::exception&) {
    return error("the state of the container is damaged", "state.json",
                 "remove the container with `delete --force`", EBADMSG);
  }
  if (!record.annotations.is_object() || !record.isolation.is_array() || !record.extra.is_object())
    return error("the state of the container is damaged", "state.json",
                 "remove the container with `delete --force`", EBADMSG);
  return record;
}

const char* status_name(Status status) {
  switch (status) {
    case Status::creating:
      return "creating";
    case Status::created:
      return "created";
    case Status::running:
      return "running";
    case Status::paused:
      return "paused";
    case Status::stopped:
      return "stopped";
  }
  return "stopped";
}

UniqueFd process_of(const Record& record) {
  if (record.pid <= 0 || record.boot_id != boot_id()) return {};
  return open_process(record.pid, record.start_time);
}

bool is_frozen(const std::string& cgroup) {
  if (cgroup.empty()) return false;
  auto events = read_file(cgroup + "/cgroup.events", 4096);
  return events && events->find("frozen 1") != std::string::npos;
}

Status status_of(const Folder& folder, const Record& record) {
  if (!process_of(record)) {
    // Whoever makes it holds the lock until there is a process.
    if (record.pid == 0) {
      auto again = Folder::open(folder.path().substr(0, folder.path().rfind('/')), record.id);
      if (again && !again->try_lock()) return Status::creating;
    }
    return Status::stopped;
  }
  if (is_frozen(record.cgroup)) return Status::paused;
  if (folder.connect("start")) return Status::created;
  if (folder.connect("start.new")) return Status::creating;
  return Status::running;
}

std::vector<std::string> all_ids(const std::string& root) {
  std::vector<std::string> ids;
  for (const auto& name : list_folder(root))
    if (Folder::open(root, name)) ids.push_back(name);
  return ids;
}

}  // namespace rcrt::oci
