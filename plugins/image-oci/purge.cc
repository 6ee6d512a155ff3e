// SPDX-License-Identifier: MIT
#include "plugins/image-oci/purge.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tree.h"
#include "base/unique_fd.h"
#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
Result<bool> purge_children(int dir, const std::unordered_set<ino_t>& keep) {
  RCRT_ASSIGN(auto names, names_in(dir));
  bool kept = false;
  for (const std::string& name : names) {
    RCRT_ASSIGN(const bool some, purge(dir, name, keep));
    kept |= some;
  }
  return kept;
}

Result<bool> purge(int parent, const std::string& name, const std::unordered_set<ino_t>& keep) {
  if (keep.empty()) {
    RCRT_TRY(remove_tree(parent, name.c_str()));
    return false;
  }
  struct stat info{};
  if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return errno_error("cannot stat", name);
  }
  bool kept = keep.contains(info.st_ino);
  if (S_ISDIR(info.st_mode)) {
    UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return errno_error("cannot open", name);
    RCRT_ASSIGN(const bool below, purge_children(fd.get(), keep));
    kept |= below;
  }
  if (!kept && unlinkat(parent, name.c_str(), S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0) != 0)
    return errno_error("cannot remove", name);
  return kept;
}

}  // namespace rcrt::image_oci
