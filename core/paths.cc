// SPDX-License-Identifier: MIT
#include "core/paths.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rcrt {

Result<Paths> find_paths() {
  char buffer[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", buffer, sizeof buffer);
  if (length <= 0) return errno_error("cannot find this program's file", "/proc/self/exe", "mount /proc");
  Paths paths;
  paths.program.assign(buffer, static_cast<size_t>(length));
  std::string folder = paths.program.substr(0, paths.program.rfind('/'));
  // In bin, or in libexec/rcrt.
  if (folder.ends_with("/libexec/rcrt")) folder.resize(folder.rfind('/'));
  paths.prefix = folder.substr(0, folder.rfind('/'));
  if (access("/etc/rcrt/plugins", F_OK) == 0) paths.plugin_folders.push_back("/etc/rcrt/plugins");
  paths.plugin_folders.push_back(paths.prefix + "/lib/rcrt/plugins");
  return paths;
}

Result<void> make_folders(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT) return errno_error("cannot make folder", path);
  auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return errno_error("cannot make folder", path);
  RCRT_TRY(make_folders(path.substr(0, slash)));
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("cannot make folder", path);
  return {};
}

}  // namespace rcrt
