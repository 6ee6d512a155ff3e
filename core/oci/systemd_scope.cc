// SPDX-License-Identifier: MIT
#include "core/oci/systemd_scope.h"

#include <algorithm>
#include <array>

namespace rcrt::oci {
namespace {

constexpr char kSuffix[] = ".slice";

bool is_unit_name(const std::string& name) {
  auto good = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(":-_.\\@").find(static_cast<char>(c)) != std::string_view::npos;
  };
  return !name.empty() && name.size() < 256 && std::ranges::all_of(name, good);
}

// A slice is below those its name begins with: "a-b.slice" is /a.slice/a-b.slice.
std::string folder_of(const std::string& slice) {
  if (slice == "-.slice") return "";
  const std::string name = slice.substr(0, slice.size() - sizeof kSuffix + 1);
  std::string folder;
  for (size_t at = 0; at != name.npos;) {
    at = name.find('-', at + 1);
    folder += "/" + name.substr(0, at) + kSuffix;
  }
  return folder;
}

bool is_slice(const std::string& slice) {
  if (slice == "-.slice") return true;
  return is_unit_name(slice) && slice.ends_with(kSuffix) && slice.size() >= sizeof kSuffix &&
         slice[0] != '-' && slice[0] != '.' && slice.find("--") == slice.npos &&
         slice.find("-.slice") == slice.npos;
}

}  // namespace

Result<SystemdScope> systemd_scope(const std::string& cgroups_path, const std::string& id) {
  std::array<std::string, 3> part = {"system.slice", "rcrt-oci", id};
  if (!cgroups_path.empty()) {
    size_t first = cgroups_path.find(':'), second = cgroups_path.find(':', first + 1);
    if (first == cgroups_path.npos || second == cgroups_path.npos ||
        cgroups_path.find(':', second + 1) != cgroups_path.npos)
      return error("invalid configuration: linux.cgroupsPath", cgroups_path,
                   "with --systemd-cgroup it is \"slice:prefix:name\"", EINVAL);
    if (first > 0) part[0] = cgroups_path.substr(0, first);
    part[1] = cgroups_path.substr(first + 1, second - first - 1);
    part[2] = cgroups_path.substr(second + 1);
  }
  SystemdScope scope;
  scope.slice = part[0];
  scope.unit = (part[1].empty() ? "" : part[1] + "-") + part[2] + ".scope";
  if (!is_slice(scope.slice))
    return error("invalid configuration: linux.cgroupsPath", cgroups_path,
                 "it must begin with the name of a slice, as \"machine.slice\"", EINVAL);
  if (part[2].empty() || !is_unit_name(scope.unit))
    return error("invalid configuration: linux.cgroupsPath", cgroups_path,
                 "prefix and name must make the name of a unit", EINVAL);
  scope.cgroup = folder_of(scope.slice) + "/" + scope.unit;
  return scope;
}

}  // namespace rcrt::oci
