// SPDX-License-Identifier: MIT
// linux.devices and the defaults every container has.
#include <sys/stat.h>

#include <algorithm>

#include "core/plan_parts.h"

namespace rcrt::plan_parts {
namespace {

using plan_json::bad;
using plan_json::Node;

PlanDraft::Device read_device(const Node& node) {
  PlanDraft::Device device;
  std::string path = node["path"].text();
  if (path.empty() || path[0] != '/') bad(node["path"].path(), path, "it must be an absolute path");
  if (path.size() >= 4096) bad(node["path"].path(), path, "a path has at most 4095 bytes");
  device.path = clean_path(path);
  if (device.path.empty()) bad(node["path"].path(), path, "it must name a device");
  std::string type = node["type"].text();
  if (type == "c" || type == "u") {
    device.mode = S_IFCHR;
  } else if (type == "b") {
    device.mode = S_IFBLK;
  } else if (type == "p") {
    device.mode = S_IFIFO;
  } else {
    bad(node["type"].path(), type, "use c, b, u or p");
  }
  if (device.mode != S_IFIFO) {
    device.major = static_cast<uint32_t>(node["major"].integer(0, 4095));
    device.minor = static_cast<uint32_t>(node["minor"].integer(0, 1048575));
  }
  device.mode |=
      node["fileMode"].present() ? static_cast<uint32_t>(node["fileMode"].integer(0, 0177777) & 07777) : 0666;
  if (node["uid"].present()) device.uid = node["uid"].id();
  if (node["gid"].present()) device.gid = node["gid"].id();
  return device;
}

}  // namespace

void read_devices(const Node& devices, PlanDraft& draft) {
  draft.devices = {{"dev/null", S_IFCHR | 0666, 1, 3},   {"dev/zero", S_IFCHR | 0666, 1, 5},
                   {"dev/full", S_IFCHR | 0666, 1, 7},   {"dev/tty", S_IFCHR | 0666, 5, 0},
                   {"dev/random", S_IFCHR | 0666, 1, 8}, {"dev/urandom", S_IFCHR | 0666, 1, 9}};
  for (auto& item : devices.items()) {
    PlanDraft::Device device = read_device(item);
    auto same = std::find_if(draft.devices.begin(), draft.devices.end(),
                             [&](auto& other) { return other.path == device.path; });
    if (same != draft.devices.end()) {
      *same = std::move(device);
    } else {
      draft.devices.push_back(std::move(device));
    }
  }
  draft.links = {{"dev/fd", "/proc/self/fd"},       {"dev/stdin", "/proc/self/fd/0"},
                 {"dev/stdout", "/proc/self/fd/1"}, {"dev/stderr", "/proc/self/fd/2"},
                 {"dev/core", "/proc/kcore"},       {"dev/ptmx", "pts/ptmx"}};
  // Something bound on /dev is the user's own; runc leaves it alone, too.
  for (auto& mount : draft.mounts)
    if (mount.bind() && mount.target == "dev") draft.setup_dev = false;
}

}  // namespace rcrt::plan_parts
