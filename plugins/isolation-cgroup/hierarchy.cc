// SPDX-License-Identifier: MIT
#include "hierarchy.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>

#include "base/path.h"

namespace rcrt::cgroup {
namespace {

std::optional<Hierarchy> open_v2(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct statfs info;
  if (!fd || ::fstatfs(fd.get(), &info) != 0 || info.f_type != CGROUP2_SUPER_MAGIC) return std::nullopt;
  return Hierarchy{path, std::move(fd)};
}

std::string slurp(const char* path) {
  auto text = read_file(AT_FDCWD, path);
  return text ? *text : std::string();
}

constexpr std::string_view kControllers[] = {"cpu",  "cpuset",  "memory", "io",      "blkio",  "pids",
                                             "rdma", "hugetlb", "misc",   "devices", "freezer"};

}  // namespace

std::optional<Hierarchy> find_hierarchy() {
  // The two usual places first: a look at them costs 5 us, mountinfo ten times that.
  for (const char* usual : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"})
    if (auto found = open_v2(usual)) return found;
  for (const std::string& path : read_mounts().v2)
    if (auto found = open_v2(path)) return found;
  return std::nullopt;
}

Expected<std::vector<std::string>> split_path(const std::string& cgroup_path) {
  std::vector<std::string> parts;
  size_t at = 0;
  while (at < cgroup_path.size()) {
    size_t end = std::min(cgroup_path.find('/', at), cgroup_path.size());
    if (end > at) parts.push_back(cgroup_path.substr(at, end - at));
    at = end + 1;
  }
  bool bad = cgroup_path.empty() || cgroup_path[0] != '/' || parts.empty();
  for (const auto& part : parts)
    bad = bad || part == "." || part == ".." || part.size() > 255 ||
          std::any_of(part.begin(), part.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (bad)
    return sdk::fail(EINVAL, "bad cgroup path", cgroup_path,
                     "it starts with \"/\", names a group below the root and has no \"..\"");
  return parts;
}

CgroupMounts parse_mountinfo(std::string_view text) {
  CgroupMounts mounts;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    size_t dash = line.find(" - ");
    if (dash == line.npos) continue;
    auto before = words(line.substr(0, dash)), after = words(line.substr(dash + 3));
    if (before.size() < 6 || after.size() < 3) continue;
    std::string point = unescape_mount_path(before[4]);
    if (after[0] == "cgroup2") mounts.v2.push_back(point);
    if (after[0] != "cgroup") continue;
    std::string options = after[2];
    std::replace(options.begin(), options.end(), ',', ' ');
    for (const auto& option : words(options))
      if (std::find(std::begin(kControllers), std::end(kControllers), option) != std::end(kControllers))
        mounts.v1.emplace(option, point);
  }
  return mounts;
}

CgroupMounts read_mounts() { return parse_mountinfo(slurp("/proc/self/mountinfo")); }

sdk::Failure missing_controller(const std::string& controller, const CgroupMounts& mounts,
                                std::string_view proc_cgroups, const std::string& v2_path) {
  const std::string v1_name = controller == "io" ? "blkio" : controller;
  if (auto it = mounts.v1.find(v1_name); it != mounts.v1.end())
    return {ENOTSUP, "cannot limit with cgroup controller", controller,
            "it is bound to cgroup v1 at " + it->second +
                "; boot with systemd.unified_cgroup_hierarchy=1 (or cgroup_no_v1=" + v1_name +
                "), or drop the limit"};
  while (!proc_cgroups.empty()) {  // name hierarchy num_cgroups enabled
    std::string_view line = proc_cgroups.substr(0, proc_cgroups.find('\n'));
    proc_cgroups.remove_prefix(std::min(line.size() + 1, proc_cgroups.size()));
    auto field = words(line);
    if (field.size() < 4 || field[0] != v1_name) continue;
    if (field[3] == "0")
      return {ENOTSUP, "cannot limit with cgroup controller", controller,
              "the kernel was started with it disabled; remove cgroup_disable=" + v1_name +
                  " from the kernel command line, or drop the limit"};
    if (field[1] != "0")
      return {ENOTSUP, "cannot limit with cgroup controller", controller,
              "it is bound to a cgroup v1 hierarchy that is not mounted here; boot with "
              "systemd.unified_cgroup_hierarchy=1 (or cgroup_no_v1=" +
                  v1_name + "), or drop the limit"};
    return {ENOTSUP, "cannot limit with cgroup controller", controller,
            "it is not handed down to " + v2_path + "; enable it in the parent's cgroup.subtree_control"};
  }
  return {ENOTSUP, "cannot limit with cgroup controller", controller,
          "this kernel does not have it; use a kernel that has, or drop the limit"};
}

sdk::Failure missing_controller(const std::string& controller, const std::string& v2_path) {
  return missing_controller(controller, read_mounts(), slurp("/proc/cgroups"), v2_path);
}

}  // namespace rcrt::cgroup
