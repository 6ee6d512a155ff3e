// SPDX-License-Identifier: MIT
#include "core/id_map.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rcrt {
namespace {

// A process that does nothing, in a user namespace of its own. Ended when destroyed.
class Holder {
 public:
  Holder() {
    pid_ =
        static_cast<pid_t>(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, __WALL);
  }
  bool made() const { return pid_ > 0; }
  std::string path(const char* name) const { return "/proc/" + std::to_string(pid_) + "/" + name; }

 private:
  pid_t pid_ = -1;
};

Result<void> write_map(const std::string& path, const std::string& map) {
  UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file && write(file.get(), map.data(), map.size()) == static_cast<ssize_t>(map.size())) return {};
  return errno_error("cannot map ids", map, "ranges must not overlap, and we must be allowed to use them");
}

}  // namespace

Result<UniqueFd> make_user_namespace(const std::string& uid_map, const std::string& gid_map) {
  Holder holder;
  if (!holder.made()) return errno_error("cannot make a user namespace");
  RCRT_TRY(write_map(holder.path("uid_map"), uid_map));
  RCRT_TRY(write_map(holder.path("gid_map"), gid_map));
  UniqueFd space(open(holder.path("ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  if (!space) return errno_error("cannot open a user namespace");
  return space;
}

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
