// SPDX-License-Identifier: MIT
#include "core/oci/mount_points.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "base/path.h"
#include "base/unique_fd.h"
#include "core/oci/bundle.h"
#include "launch/resolve.h"

namespace rcrt::oci {

Result<void> make_mount_points(const Json& config, const std::string& root) {
  UniqueFd folder(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return errno_error("cannot open the root", root);
  auto mounts = config.find("mounts");
  if (mounts == config.end() || !mounts->is_array()) return {};
  std::vector<std::string> above;
  for (const auto& mount : *mounts) {
    const std::string target = clean_path(mount.value("destination", ""));
    const bool below = std::ranges::any_of(above, [&](const auto& one) { return target.starts_with(one); });
    above.push_back(target + "/");
    if (below || target.empty()) continue;
    struct stat source;
    const bool file =
        is_bind(mount) && stat(mount.value("source", "").c_str(), &source) == 0 && !S_ISDIR(source.st_mode);
    UniqueFd made(launch::open_or_create(folder.get(), target.c_str(), file, 0));
    if (made) continue;
    errno = -made.get();
    return errno_error("cannot make the mount point", target);
  }
  return {};
}

}  // namespace rcrt::oci
