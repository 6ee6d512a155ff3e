// SPDX-License-Identifier: MIT
// Where this machine's cgroup v2 hierarchy is, and which controllers v1 has taken.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "files.h"

namespace rcrt::cgroup {

struct Hierarchy {
  std::string path;  // "/sys/fs/cgroup"
  UniqueFd root;
};

// The cgroup v2 mount; nothing when there is none.
std::optional<Hierarchy> find_hierarchy();

// "/rcrt/<id>" as its components. Refuses what could lead elsewhere.
Expected<std::vector<std::string>> split_path(const std::string& cgroup_path);

struct CgroupMounts {
  std::vector<std::string> v2;            // mount points, in order
  std::map<std::string, std::string> v1;  // controller -> mount point
};
CgroupMounts parse_mountinfo(std::string_view mountinfo);
CgroupMounts read_mounts();

// Why `controller` cannot be used at the root of the hierarchy, and the cure.
sdk::Failure missing_controller(const std::string& controller, const CgroupMounts& mounts,
                                std::string_view proc_cgroups, const std::string& v2_path);
sdk::Failure missing_controller(const std::string& controller, const std::string& v2_path);

}  // namespace rcrt::cgroup
