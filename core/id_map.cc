// SPDX-License-Identifier: MIT
#include "core/id_map.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/user_namespace.h"

namespace rcrt {

Result<void> map_ids(int mount, int user_namespace, bool recursive, const std::string& what) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(user_namespace);
  if (syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes,
              sizeof attributes) == 0)
    return {};
  return errno_error("cannot map the ids of files in", what,
                     errno == EINVAL ? "its file system, or one mounted below it, cannot do that" : "");
}

Result<int> UserNamespaces::get(const std::string& uid_map, const std::string& gid_map) {
  UniqueFd& space = made_[{uid_map, gid_map}];
  if (!space) {
    RCRT_ASSIGN(space, make_user_namespace(uid_map, gid_map));
  }
  return space.get();
}

}  // namespace rcrt
