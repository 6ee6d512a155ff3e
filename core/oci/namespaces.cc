// SPDX-License-Identifier: MIT
#include "core/oci/namespaces.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace rcrt::oci {
namespace {

// The entry of one type in a configuration that is found good.
const Json* namespace_of(const Json& config, const char* type) {
  static const Json::json_pointer kPlace("/linux/namespaces");
  if (!config.contains(kPlace) || !config[kPlace].is_array()) return nullptr;
  const Json& list = config[kPlace];
  auto found = std::ranges::find_if(list, [&](const Json& space) { return space.value("type", "") == type; });
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

uint32_t foreign_namespaces(pid_t pid) {
  static constexpr struct {
    const char* name;
    uint32_t type;
  } kSpaces[] = {{"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},   {"net", CLONE_NEWNET},
                 {"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS},  {"cgroup", CLONE_NEWCGROUP},
                 {"pid", CLONE_NEWPID},   {"time", CLONE_NEWTIME}};
  uint32_t types = 0;
  for (const auto& space : kSpaces) {
    struct stat own, other;
    std::string path = "/proc/" + std::to_string(pid) + "/ns/" + space.name;
    if (stat(path.c_str(), &other) != 0) continue;
    if (stat((std::string("/proc/self/ns/") + space.name).c_str(), &own) != 0) continue;
    if (own.st_ino != other.st_ino || own.st_dev != other.st_dev) types |= space.type;
  }
  return types;
}

std::string path_of(int fd) {
  char buffer[PATH_MAX];
  ssize_t size = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), buffer, sizeof buffer);
  return size > 0 && size < PATH_MAX ? std::string(buffer, static_cast<size_t>(size)) : std::string();
}

int dup_console(int fd) { return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3); }

std::string namespace_path(const Json& config, const char* type) {
  const Json* space = namespace_of(config, type);
  if (space == nullptr || !space->contains("path") || (*space)["path"].is_null()) return {};
  return (*space)["path"].get<std::string>();
}

bool makes_namespace(const Json& config, const char* type) {
  return namespace_of(config, type) != nullptr && namespace_path(config, type).empty();
}

}  // namespace rcrt::oci
