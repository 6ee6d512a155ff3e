// SPDX-License-Identifier: MIT
#include "group.h"

#include <sys/stat.h>

#include <cerrno>

#include "base/fault.h"
#include "base/result.h"
#include "library.h"
#include "tree.h"

namespace rcrt::cgroup {
namespace {

Status write_setting(int dir, const Setting& setting) {
  bool other = !setting.other_file.empty() && !exists(dir, setting.file.c_str());
  const std::string& file = other ? setting.other_file : setting.file;
  auto written = write_file(dir, file.c_str(), other ? setting.other_value : setting.value);
  if (written) return {};
  if (written.error().code == ENOENT && setting.optional) return {};
  return sdk::fail(
      written.error().code, "cannot apply limit", setting.member,
      written.error().code == ENOENT
          ? "this kernel has no " + file
          : "the kernel refuses \"" + (other ? setting.other_value : setting.value) + "\" in " + file);
}

}  // namespace

std::string group_name(const std::vector<std::string>& path) {
  std::string name;
  for (const auto& part : path) name += (name.empty() ? "" : "/") + part;
  return name;
}

Status write_settings(int group, const Settings& settings) {
  for (const auto& setting : settings.list) {
    fault_point("cgroup: write setting");
    RCRT_TRY(write_setting(group, setting));
  }
  return {};
}

Expected<UniqueFd> make_plain_group(const Hierarchy& hierarchy, const std::vector<std::string>& path) {
  // Another container's release may remove the parent between two steps: try again.
  for (int attempt = 0;; ++attempt) {
    auto parent = make_parents(hierarchy, path, {});
    int code = 0;
    if (parent) {
      fault_point("cgroup: make group");
      if (::mkdirat(parent->get(), path.back().c_str(), 0755) == 0 || errno == EEXIST) {
        fault_point("cgroup: group made");
        auto group = open_directory(parent->get(), path.back().c_str());
        if (group || attempt >= 10) return group;
      }
      code = errno;
    } else {
      code = parent.error().code;
    }
    if ((code != ENOENT && code != ENODEV) || attempt >= 10)
      return sdk::fail(code, "cannot create cgroup", hierarchy.path + "/" + group_name(path));
  }
}

// One plain value for each file goes through libcgroup, the rest on the fd.
Status make_limited_group(const std::string& name, int parent, const Settings& settings, UniqueFd& group) {
  std::vector<const Setting*> plain, special;
  for (const auto& setting : settings.list) {
    bool again = false;
    for (const Setting* seen : plain) again = again || seen->file == setting.file;
    bool simple = !again && !setting.optional && setting.other_file.empty() && setting.controller != "cgroup";
    (simple ? plain : special).push_back(&setting);
  }
  const std::string leaf = name.substr(name.rfind('/') + 1);
  fault_point("cgroup: create group");
  auto created = libcgroup_create(name, settings.controllers(), plain);
  fault_point("cgroup: group created");
  auto opened = open_directory(parent, leaf.c_str());
  if (!created) {
    // libcgroup does not say which value was refused: ask the kernel again, one by one.
    if (opened)
      for (const Setting* setting : plain) RCRT_TRY(write_setting(opened->get(), *setting));
    return created;
  }
  if (!opened)
    return sdk::fail(opened.error().code, "libcgroup made cgroup \"" + name + "\" in another hierarchy than",
                     "cgroup2", "unmount the second cgroup v2 mount");
  group = std::move(*opened);
  for (const Setting* setting : special) {
    fault_point("cgroup: write setting");
    RCRT_TRY(write_setting(group.get(), *setting));
  }
  return {};
}

}  // namespace rcrt::cgroup
