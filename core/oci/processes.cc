// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>

#include "core/files.h"
#include "core/oci/record.h"

namespace rcrt::oci {
namespace {

void add_group(const std::string& group, std::vector<pid_t>& pids) {
  auto text = read_file(group + "/cgroup.procs");
  if (!text) return;
  const char *at = text->data(), *end = at + text->size();
  while (at < end) {
    pid_t pid = 0;
    auto [next, code] = std::from_chars(at, end, pid);
    if (code == std::errc() && pid > 0) pids.push_back(pid);  // 0: outside our pid namespace
    at = std::max(next, at) + 1;
  }
  for (const auto& name : list_folder(group)) {
    struct stat status;
    std::string below = group + "/" + name;
    if (lstat(below.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) add_group(below, pids);
  }
}

ino_t pid_namespace(pid_t pid) {
  struct stat status;
  return stat(("/proc/" + std::to_string(pid) + "/ns/pid").c_str(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace

std::vector<pid_t> processes_of(const Record& record) {
  std::vector<pid_t> pids;
  if (!record.cgroup.empty()) {
    add_group(record.cgroup, pids);
  } else if (process_of(record) && record.own_pids) {
    const ino_t space = pid_namespace(record.pid);
    for (const auto& name : list_folder("/proc")) {
      pid_t pid = 0;
      auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), pid);
      if (code == std::errc() && end == name.data() + name.size() && pid_namespace(pid) == space)
        pids.push_back(pid);
    }
  } else if (process_of(record)) {
    pids.push_back(record.pid);
  }
  std::ranges::sort(pids);
  return pids;
}

}  // namespace rcrt::oci
