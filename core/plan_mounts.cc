// SPDX-License-Identifier: MIT
// mounts[]: the options of the runtime specification's table.
#include <linux/mount.h>

#include <algorithm>

#include "core/plan_parts.h"
#include "core/word_table.h"

namespace rcrt::plan_parts {
namespace {

using plan_json::bad;
using plan_json::Node;

constexpr uint64_t kUnbindable = 1 << 17, kPrivate = 1 << 18, kSlave = 1 << 19, kShared = 1 << 20;

struct Attribute {
  uint64_t set, clear;
};

// Each sets or clears one attribute; with a leading "r" of the whole tree.
constexpr Word<Attribute> kAttributes[] = {
    {"ro", {MOUNT_ATTR_RDONLY, 0}},
    {"rw", {0, MOUNT_ATTR_RDONLY}},
    {"nosuid", {MOUNT_ATTR_NOSUID, 0}},
    {"suid", {0, MOUNT_ATTR_NOSUID}},
    {"nodev", {MOUNT_ATTR_NODEV, 0}},
    {"dev", {0, MOUNT_ATTR_NODEV}},
    {"noexec", {MOUNT_ATTR_NOEXEC, 0}},
    {"exec", {0, MOUNT_ATTR_NOEXEC}},
    {"nodiratime", {MOUNT_ATTR_NODIRATIME, 0}},
    {"diratime", {0, MOUNT_ATTR_NODIRATIME}},
    {"relatime", {MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME}},
    {"norelatime", {MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME}},
    {"noatime", {MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME}},
    {"atime", {MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME}},
    {"strictatime", {MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME}},
    {"nostrictatime", {MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME}},
    {"nosymfollow", {MOUNT_ATTR_NOSYMFOLLOW, 0}},
    {"symfollow", {0, MOUNT_ATTR_NOSYMFOLLOW}},
};

constexpr Word<uint64_t> kPropagation[] = {
    {"private", kPrivate}, {"slave", kSlave}, {"shared", kShared}, {"unbindable", kUnbindable}};

void apply(const Attribute& attribute, uint64_t& set, uint64_t& clear) {
  if (attribute.clear & MOUNT_ATTR__ATIME) set &= ~static_cast<uint64_t>(MOUNT_ATTR__ATIME);
  set = (set & ~attribute.clear) | attribute.set;
  clear = (clear & ~(attribute.set & ~MOUNT_ATTR__ATIME)) | attribute.clear;
}

// Splits "size=64k,mode=755" as the kernel would; commas in quotes or after a backslash stay.
std::vector<std::string> split(const std::string& option) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (size_t i = 0; i < option.size(); ++i) {
    char c = option[i];
    if (c == '\\' && i + 1 < option.size()) {
      parts.back() += c;
      parts.back() += option[++i];
      continue;
    }
    if (c == '"') quoted = !quoted;
    if (c == ',' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// One option. Returns false when it is the file system's own.
bool read_option(const std::string& option, PlanDraft::Mount& mount, bool& bind) {
  if (option == "bind" || option == "rbind") {
    bind = true;
    mount.recursive = option == "rbind";
    return true;
  }
  if (option == "defaults" || option == "silent" || option == "loud") return true;
  if (option == "tmpcopyup") return mount.copy_up = true;
  if (auto* attribute = value_of(kAttributes, option)) {
    apply(*attribute, mount.set, mount.clear);
    return true;
  }
  const bool recursive = option[0] == 'r';
  const std::string_view plain = std::string_view(option).substr(recursive ? 1 : 0);
  if (auto* attribute = recursive ? value_of(kAttributes, plain) : nullptr) {
    apply(*attribute, mount.recursive_set, mount.recursive_clear);
    return true;
  }
  if (auto* propagation = value_of(kPropagation, plain)) {
    mount.propagation = *propagation;
    mount.propagation_recursive = recursive;
    return true;
  }
  if (option == "idmap" || option == "ridmap") {
    mount.map_ids = true;
    mount.map_ids_below = option == "ridmap";
    return true;
  }
  if (option == "remount") return mount.remount = true;
  return false;
}

// Flags of the superblock, by the name the file-system context knows; "" for those that
// are the default.
constexpr Word<std::string_view> kSuperblock[] = {{"sync", "sync"},
                                                  {"async", "async"},
                                                  {"dirsync", "dirsync"},
                                                  {"lazytime", "lazytime"},
                                                  {"nolazytime", "nolazytime"},
                                                  {"mand", "mand"},
                                                  {"nomand", "nomand"},
                                                  {"iversion", ""},
                                                  {"noiversion", ""}};

bool is_folder_of(const std::string& target, const char* folder) {
  std::string prefix = std::string(folder) + "/";
  return target == folder || target.starts_with(prefix);
}

PlanDraft::Mount read_mount(const Node& node) {
  PlanDraft::Mount mount;
  mount.where = node.path();
  std::string destination = node["destination"].text();
  if (destination.empty()) bad(node["destination"].path(), "", "it must be an absolute path");
  if (destination.size() >= 4096)
    bad(node["destination"].path(), destination, "a path has at most 4095 bytes");
  mount.target = clean_path(destination);
  if (mount.target.empty())
    bad(node["destination"].path(), destination, "nothing can be mounted on the root itself");
  mount.source = node["source"].text_or("");
  mount.type = node["type"].text_or("");
  mount.uid_map = read_mappings(node["uidMappings"]);
  mount.gid_map = read_mappings(node["gidMappings"]);
  if (mount.uid_map.empty() != mount.gid_map.empty())
    bad(node.path(), destination, "uidMappings and gidMappings need one another");
  mount.map_ids = !mount.uid_map.empty();

  bool bind = mount.type == "bind" || mount.type == "rbind";
  if (mount.type == "rbind") mount.recursive = true;
  for (auto& item : node["options"].items()) {
    for (auto& option : split(item.text())) {
      if (option.empty() || read_option(option, mount, bind)) continue;
      if (auto* flag = value_of(kSuperblock, option)) {
        if (!flag->empty()) mount.options.emplace_back(*flag, std::nullopt);
        continue;
      }
      size_t equals = option.find('=');
      if (equals == 0) bad(item.path(), option, "it must have the form NAME or NAME=value");
      std::string value = equals == std::string::npos ? "" : option.substr(equals + 1);
      // The shell-like quotes of SELinux contexts are the classic mount option string's.
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
        value = value.substr(1, value.size() - 2);
      if (equals == std::string::npos) {
        mount.options.emplace_back(option, std::nullopt);
      } else {
        mount.options.emplace_back(option.substr(0, equals), value);
      }
    }
  }

  if (mount.remount) {
    if (mount.map_ids || mount.copy_up)
      bad(node["options"].path(), "remount",
          "it changes what is mounted; idmap and tmpcopyup need a new mount");
    if (bind) mount.options.clear();  // of this mount alone, not of the file system
    mount.type.clear();
    return mount;
  }
  if (bind) {
    if (mount.source.empty()) bad(node["source"].path(), "", "a bind mount needs a source");
    mount.options.clear();  // a bind has none of its own; runc ignores them, too
    mount.type.clear();
    if (mount.copy_up) bad(node["options"].path(), "tmpcopyup", "it needs a tmpfs");
    if (mount.target == "proc" || mount.target == "sys") mount.no_symlinks = true;
    return mount;
  }
  if (mount.map_ids) bad(node.path(), destination, "only bind mounts can be id-mapped");
  if (mount.type.empty() || mount.type == "none")
    bad(node["type"].path(), mount.type, "use a file-system type, or the option bind");
  if (mount.type == "cgroup") mount.type = "cgroup2";
  if (mount.copy_up && mount.type != "tmpfs") bad(node["options"].path(), "tmpcopyup", "it needs a tmpfs");
  // As runc: nothing but procfs and sysfs below /proc and /sys may fool what reads them.
  if (mount.type == "proc" || mount.type == "sysfs" || is_folder_of(mount.target, "proc") ||
      is_folder_of(mount.target, "sys"))
    mount.no_symlinks = true;
  return mount;
}

}  // namespace

void read_mounts(const Node& mounts, PlanDraft& draft) {
  for (auto& item : mounts.items()) draft.mounts.push_back(read_mount(item));
  for (auto mount = draft.mounts.begin(); mount != draft.mounts.end(); ++mount) {
    // A later entry for the same place, such as a remount, has the last word.
    auto same_place = [&](const PlanDraft::Mount& later) { return later.target == mount->target; };
    mount->readonly_last = mount->type == "tmpfs" &&
                           ((mount->set | mount->recursive_set) & MOUNT_ATTR_RDONLY) != 0 &&
                           std::none_of(mount + 1, draft.mounts.end(), same_place);
  }
}

}  // namespace rcrt::plan_parts

namespace rcrt {

std::vector<std::string> known_mount_options() {
  std::vector<std::string> names = {"bind",   "rbind",  "defaults", "idmap",    "remount",
                                    "ridmap", "silent", "loud",     "tmpcopyup"};
  for (auto& [name, attribute] : plan_parts::kAttributes) {
    names.emplace_back(name);
    names.push_back("r" + std::string(name));
  }
  for (auto& [name, flag] : plan_parts::kPropagation) {
    names.emplace_back(name);
    names.push_back("r" + std::string(name));
  }
  for (auto& [name, flag] : plan_parts::kSuperblock) names.emplace_back(name);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace rcrt
