// SPDX-License-Identifier: MIT
#include <linux/sched.h>
#include <sys/mount.h>

#include "core/plan_parts.h"
#include "core/word_table.h"

namespace rcrt::plan_parts {
namespace {

using plan_json::bad;
using plan_json::Node;

constexpr Word<uint32_t> kNamespaces[] = {
    {"pid", CLONE_NEWPID}, {"network", CLONE_NEWNET}, {"mount", CLONE_NEWNS},      {"ipc", CLONE_NEWIPC},
    {"uts", CLONE_NEWUTS}, {"user", CLONE_NEWUSER},   {"cgroup", CLONE_NEWCGROUP}, {"time", CLONE_NEWTIME}};

}  // namespace

void read_namespaces(const Node& namespaces, PlanDraft& draft) {
  for (auto& item : namespaces.items()) {
    std::string type = item["type"].text();
    const uint32_t* flag = value_of(kNamespaces, type);
    if (flag == nullptr)
      bad(item["type"].path(), type, "use pid, network, mount, ipc, uts, user, cgroup or time");
    if (draft.has(*flag)) bad(item["type"].path(), type, "it is given twice");
    PlanDraft::Namespace space{item.path(), *flag, item["path"].text_or("")};
    if (!space.path.empty() && space.path[0] != '/')
      bad(item["path"].path(), space.path, "it must be an absolute path");
    draft.namespaces.push_back(std::move(space));
  }
}

std::string read_mappings(const Node& mappings) {
  std::string text;
  auto items = mappings.items();
  if (items.size() > 340)
    bad(mappings.path(), std::to_string(items.size()), "the kernel takes 340 mappings at most");
  for (auto& item : items) {
    uint32_t size = item["size"].id();
    if (size == 0) bad(item["size"].path(), "0", "it must be 1 or more");
    text += std::to_string(item["containerID"].id()) + " " + std::to_string(item["hostID"].id()) + " " +
            std::to_string(size) + "\n";
  }
  return text;
}

namespace {

void read_time_offsets(const Node& offsets, PlanDraft& draft) {
  for (auto& [clock, offset] : offsets.members()) {
    if (clock != "monotonic" && clock != "boottime") bad(offset.path(), clock, "use monotonic or boottime");
    int64_t seconds = offset["secs"].present() ? offset["secs"].integer(-9223372036, 9223372036) : 0;
    int64_t nanoseconds = offset["nanosecs"].present() ? offset["nanosecs"].integer(0, 999999999) : 0;
    draft.time_offsets += clock + " " + std::to_string(seconds) + " " + std::to_string(nanoseconds) + "\n";
  }
  if (!draft.time_offsets.empty() && !draft.is_new(CLONE_NEWTIME))
    bad(offsets.path(), "", "it needs a new namespace of type time in linux.namespaces");
}

// Only what belongs to a namespace the container does not share may be set.
void check_sysctl(const Node& node, const std::string& key, const std::string& path, const PlanDraft& draft) {
  static const char* const kIpc[] = {"kernel/msgmax", "kernel/msgmnb",         "kernel/msgmni",
                                     "kernel/sem",    "kernel/shmall",         "kernel/shmmax",
                                     "kernel/shmmni", "kernel/shm_rmid_forced"};
  bool ipc = path.starts_with("fs/mqueue/");
  for (auto* name : kIpc) ipc = ipc || path == name;
  if (ipc) {
    if (!draft.has(CLONE_NEWIPC)) bad(node.path(), key, "it needs a namespace of type ipc");
  } else if (path.starts_with("net/")) {
    if (!draft.has(CLONE_NEWNET)) bad(node.path(), key, "it needs a namespace of type network");
  } else if (path == "kernel/domainname") {
    if (!draft.has(CLONE_NEWUTS)) bad(node.path(), key, "it needs a namespace of type uts");
  } else if (path == "kernel/hostname") {
    bad(node.path(), key, "use hostname instead");
  } else {
    bad(node.path(), key, "it is not separate for each container and would change the machine");
  }
}

}  // namespace

void read_sysctls(const Node& sysctls, PlanDraft& draft) {
  for (auto& [key, node] : sysctls.members()) {
    std::string value = node.text();
    for (char c : value)
      if (static_cast<unsigned char>(c) < 0x20 && c != '\t') bad(node.path(), value, "a value is one line");
    // As sysctl(8): the first separator decides; with dots first, a slash stands for a dot.
    std::string path = key;
    if (size_t first = path.find_first_of("./"); first != std::string::npos && path[first] == '.')
      for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
    if (path.empty() || path.find('\0') != std::string::npos || path[0] == '/' || path != clean_path(path))
      bad(node.path(), key, "use a name such as net.ipv4.ip_forward");
    check_sysctl(node, key, path, draft);
    draft.sysctls.emplace_back(path, value);
  }
}

std::vector<std::string> read_paths(const Node& paths) {
  std::vector<std::string> result;
  for (auto& item : paths.items()) {
    std::string path = item.text();
    if (path.empty() || path[0] != '/') bad(item.path(), path, "it must be an absolute path");
    if (path.size() >= 4096) bad(item.path(), path, "a path has at most 4095 bytes");
    std::string clean = clean_path(path);
    if (clean.empty()) bad(item.path(), path, "it must not be the root itself");
    result.push_back(std::move(clean));
  }
  return result;
}

namespace {

uint32_t read_propagation(const Node& node) {
  if (!node.present()) return MS_SLAVE | MS_REC;
  static constexpr Word<uint32_t> kModes[] = {{"", MS_SLAVE | MS_REC},
                                              {"shared", MS_SHARED | MS_REC},
                                              {"rshared", MS_SHARED | MS_REC},
                                              {"slave", MS_SLAVE | MS_REC},
                                              {"rslave", MS_SLAVE | MS_REC},
                                              {"private", MS_PRIVATE | MS_REC},
                                              {"rprivate", MS_PRIVATE | MS_REC},
                                              {"unbindable", MS_UNBINDABLE | MS_REC},
                                              {"runbindable", MS_UNBINDABLE | MS_REC}};
  const uint32_t* mode = value_of(kModes, node.text());
  if (mode == nullptr)
    bad(node.path(), node.text(),
        "use shared, slave, private or unbindable, or one of them with an r before it");
  return *mode;
}

// A mount option of every new file system, but of those that have labels by themselves.
void read_mount_label(const Node& node, PlanDraft& draft) {
  std::string label = node.text_or("");
  if (label.empty()) return;
  for (auto& mount : draft.mounts) {
    const bool labelled =
        mount.type == "proc" || mount.type == "sysfs" || mount.type == "mqueue" || mount.type == "cgroup2";
    if (!mount.type.empty() && !labelled) mount.options.emplace_back("context", label);
  }
}

void read_personality(const Node& node, PlanDraft& draft) {
  if (!node.present()) return;
  std::string domain = node["domain"].text();
  if (!node["flags"].items().empty()) bad(node["flags"].path(), "", "no flag is supported");
  if (domain == "LINUX") {
    draft.personality = 0;
  } else if (domain == "LINUX32") {
    draft.personality = 8;
  } else {
    bad(node["domain"].path(), domain, "use LINUX or LINUX32");
  }
}

}  // namespace

void read_linux(const Node& config, PlanDraft& draft) {
  read_namespaces(config["namespaces"], draft);
  draft.uid_map = read_mappings(config["uidMappings"]);
  draft.gid_map = read_mappings(config["gidMappings"]);
  const bool mapped = !draft.uid_map.empty() || !draft.gid_map.empty();
  if (mapped && !draft.has(CLONE_NEWUSER))
    bad("linux.uidMappings", "", "mappings need a namespace of type user in linux.namespaces");
  if (draft.is_new(CLONE_NEWUSER) && (draft.uid_map.empty() || draft.gid_map.empty()))
    bad("linux.uidMappings", "", "a new user namespace needs uidMappings and gidMappings");
  if (draft.has(CLONE_NEWUSER) && !draft.has(CLONE_NEWNS))
    bad("linux.namespaces", "user", "a user namespace needs one of type mount with it");
  read_time_offsets(config["timeOffsets"], draft);
  read_sysctls(config["sysctl"], draft);
  draft.masked = read_paths(config["maskedPaths"]);
  draft.readonly = read_paths(config["readonlyPaths"]);
  draft.root_propagation = read_propagation(config["rootfsPropagation"]);
  read_personality(config["personality"], draft);
  read_memory_policy(config["memoryPolicy"], draft);
  read_devices(config["devices"], draft);
  read_mount_label(config["mountLabel"], draft);
}

}  // namespace rcrt::plan_parts
