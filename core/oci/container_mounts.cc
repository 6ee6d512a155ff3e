// SPDX-License-Identifier: MIT
#include "core/oci/container_mounts.h"

#include <stdlib.h>

#include "base/path.h"
#include "base/words.h"
#include "core/files.h"

namespace rcrt::oci {
ContainerMounts parse_container_mounts(const std::string& mountinfo) {
  ContainerMounts mounts;
  for (const std::string& line : words_of(mountinfo, "\n")) {
    const std::vector<std::string> fields = words_of(line, " ");
    if (fields.size() < 5) continue;
    mounts.ids.insert(atoi(fields[0].c_str()));
    mounts.points.push_back(unescape_mount_path(fields[4]));
  }
  return mounts;
}

Result<ContainerMounts> container_mounts(pid_t pid) {
  RCRT_ASSIGN(std::string text, read_file("/proc/" + std::to_string(pid) + "/mountinfo", 64 << 20));
  return parse_container_mounts(text);
}

}  // namespace rcrt::oci
