// SPDX-License-Identifier: MIT
// storage-overlay: image layers below, the container's own changes above.
//
//   "dir"         what the container changed
//   "dir".work    overlayfs' own; made after "dir", so where it is, that is whole
//   "dir".lower   short links to the layers, when their names are too long
//
// Side by side, for each folder costs a new container some time.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rcrt/plugin.hpp>

#include "base/fault.h"
#include "base/tree.h"
#include "changes.h"
#include "mount.h"
#include "request.h"

namespace rcrt::overlay {
namespace {

using sdk::Call;
using sdk::fail;
using sdk::fail_errno;
using sdk::Status;

// The root directory's own mode and owner are those of the upper directory: take them
// from the uppermost layer. What is written there is not mapped.
Status make_upper(const Request& request, int parent) {
  std::string top = request.layers.empty() ? request.source : request.layers_dir + "/" + request.layers[0];
  struct stat info;
  if (::stat(top.c_str(), &info) != 0)
    return fail_errno(
        request.layers.empty() ? "cannot use as a root directory" : "cannot open an image layer", top,
        request.layers.empty() ? "name a directory that exists" : "import or pull the image again");
  if (!S_ISDIR(info.st_mode)) return fail(ENOTDIR, "cannot use as a root directory", top);
  const uid_t uid = host_id(request.uids, info.st_uid);
  const gid_t gid = host_id(request.gids, info.st_gid);
  const std::string folder = request.name();
  const char* name = folder.c_str();
  // What was begun and not finished is empty.
  if (::mkdirat(parent, name, info.st_mode & 0777) != 0 &&
      (errno != EEXIST || ::unlinkat(parent, name, AT_REMOVEDIR) != 0 ||
       ::mkdirat(parent, name, info.st_mode & 0777) != 0))
    return fail_errno("cannot create the container's storage", request.dir,
                      errno == ENOTEMPTY ? "it is not rcrt's, or of an older one: remove the container" : "");
  struct stat made;
  // Nearly always it is at once as it must be.
  const bool ready = ::fstatat(parent, name, &made, AT_SYMLINK_NOFOLLOW) == 0 &&
                     made.st_mode == info.st_mode && made.st_uid == uid && made.st_gid == gid;
  if (!ready && (::fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0 ||
                 ::fchmodat(parent, name, info.st_mode & 07777, 0) != 0))
    return fail_errno("cannot set owner and mode of", request.dir);
  return {};
}

// A layer that was mounted with "volatile" carries a mark, and the kernel refuses to mount
// it again: what the container wrote may not be on the disk. Put it there, take the mark off.
Status settle_volatile(Call& call, const Request& request, int parent) {
  const std::string own = request.work() + "/work";
  struct stat mark;
  if (::fstatat(parent, (own + "/incompat/volatile").c_str(), &mark, AT_SYMLINK_NOFOLLOW) != 0) return {};
  timespec now, up;
  ::clock_gettime(CLOCK_REALTIME, &now);
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  if (mark.st_mtim.tv_sec < now.tv_sec - up.tv_sec - 1)
    call.warn(
        "the container's data in \"" + request.dir +
        "\" was written without syncing and the machine has restarted since: files may be damaged, ignoring");
  UniqueFd upper(::openat(parent, request.name().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!upper || ::syncfs(upper.get()) != 0) return fail_errno("cannot sync", request.dir);
  UniqueFd work(::openat(parent, own.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!work) return fail_errno("cannot open", request.parent() + own);
  if (auto removed = remove_tree(work.get(), "incompat"); !removed)
    return fail(removed.error().code ? removed.error().code : EIO, removed.error().message());
  return {};
}

Status prepare(Call& call) {
  auto request = read_request(call);
  if (!request) return std::unexpected(request.error());
  if (Status refused = rcrt::sdk::refuse_options(call, "storage-overlay"); !refused) return refused;
  fault_point("storage-overlay: begin");
  UniqueFd parent(::open(request->parent().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!parent) return fail_errno("cannot open the container's folder", request->parent());
  const std::string work = request->work();
  if (::faccessat(parent.get(), work.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
    if (Status made = make_upper(*request, parent.get()); !made) return made;
    fault_point("storage-overlay: dir");
    if (::mkdirat(parent.get(), work.c_str(), 0700) != 0)
      return fail_errno("cannot create", request->parent() + work);
  } else if (Status settled = settle_volatile(call, *request, parent.get()); !settled) {
    return settled;
  }
  fault_point("storage-overlay: folders");

  auto root = mount_overlay(*request);
  if (!root) return std::unexpected(root.error());
  call.give_fd("root", root->release());
  call.result({{"ids_mapped", request->users >= 0}});
  fault_point("storage-overlay: given");
  return {};
}

// There is nothing to release: the mount is attached nowhere and goes with its last user.

Status remove(Call& call) {
  auto request = read_request(call);
  if (!request) return std::unexpected(request.error());
  fault_point("storage-overlay: remove");
  for (const std::string& name : {request->lower(), request->work(), request->name()})
    if (auto removed = remove_tree((request->parent() + name).c_str()); !removed)
      return fail(removed.error().code ? removed.error().code : EIO, removed.error().message());
  fault_point("storage-overlay: removed");
  return {};
}

Status usage(Call& call) {
  auto request = read_request(call);
  if (!request) return std::unexpected(request.error());
  auto used = usage_of(request->dir);
  if (!used) return std::unexpected(used.error());
  call.result({{"size", used->size}, {"inodes", used->inodes}});
  return {};
}

Status diff(Call& call) {
  auto request = read_request(call);
  if (!request) return std::unexpected(request.error());
  std::vector<std::string> lower;
  for (const std::string& layer : request->layers) lower.push_back(request->layers_dir + "/" + layer);
  if (lower.empty()) lower.push_back(request->source);
  auto changes = changes_of(request->dir, lower);
  if (!changes) return std::unexpected(changes.error());
  sdk::Json list = sdk::Json::array();
  for (const auto& [path, kind] : *changes) list.push_back({{"path", path}, {"kind", std::string(1, kind)}});
  call.result({{"changes", std::move(list)}});
  if (int upper = ::open(request->dir.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); upper >= 0)
    call.give_fd("changes", upper);
  return {};
}

constexpr rcrt_storage_v1 kStorage = {.size = sizeof(rcrt_storage_v1),
                                      .prepare = RCRT_FUNCTION(prepare),
                                      .remove = RCRT_FUNCTION(remove),
                                      .usage = RCRT_FUNCTION(usage),
                                      .diff = RCRT_FUNCTION(diff)};

}  // namespace
}  // namespace rcrt::overlay

RCRT_PLUGIN("storage-overlay", "1.0", "image layers and a layer of changes, by overlayfs", "MIT",
            {RCRT_STORAGE_V1, &rcrt::overlay::kStorage});
