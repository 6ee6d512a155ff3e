// SPDX-License-Identifier: MIT
#include "core/oci/container_mounts.h"

#include <sstream>

#include "core/files.h"

namespace rcrt::oci {
namespace {

// Spaces, tabs, newlines and backslashes are octal there: "\040".
std::string unescape(const std::string& text) {
  std::string plain;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\' && at + 3 < text.size()) {
      plain += static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 + (text[at + 3] - '0'));
      at += 3;
    } else {
      plain += text[at];
    }
  }
  return plain;
}

}  // namespace

ContainerMounts parse_container_mounts(const std::string& mountinfo) {
  ContainerMounts mounts;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    int id = 0, parent = 0;
    std::string device, root, point;
    if (!(words >> id >> parent >> device >> root >> point)) continue;
    mounts.ids.insert(id);
    mounts.points.push_back(unescape(point));
  }
  return mounts;
}

Result<ContainerMounts> container_mounts(pid_t pid) {
  RCRT_ASSIGN(std::string text, read_file("/proc/" + std::to_string(pid) + "/mountinfo", 64 << 20));
  return parse_container_mounts(text);
}

}  // namespace rcrt::oci
