// SPDX-License-Identifier: MIT
#include "mount.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "base/fault.h"
#include "base/tree.h"
#include "detached_mount.h"
#include "layer_names.h"
#include "libmount.h"

namespace rcrt::overlay {
namespace {

using sdk::Expected;
using sdk::fail;
using sdk::fail_errno;
using sdk::Status;

// What lowerdir= says, and the folder its names are relative to.
struct Lower {
  std::string folder;
  std::string names;
};

// Links with names of one or two characters, made anew in a folder beside "dir".
Expected<Lower> short_links(const Request& request, const std::vector<std::string>& targets) {
  Lower lower{request.parent() + request.lower(), {}};
  if (auto removed = remove_tree(lower.folder.c_str()); !removed)
    return fail(removed.error().code ? removed.error().code : EIO, removed.error().message());
  if (::mkdir(lower.folder.c_str(), 0700) != 0) return fail_errno("cannot create", lower.folder);
  UniqueFd folder(::open(lower.folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail_errno("cannot open", lower.folder);
  std::vector<std::string> names;
  for (const std::string& target : targets) {
    names.push_back(short_name(names.size()));
    if (::symlinkat(target.c_str(), folder.get(), names.back().c_str()) != 0)
      return fail_errno("cannot create a link to a layer in", lower.folder);
  }
  lower.names = join_names(names);
  return lower;
}

Expected<Lower> lower_of(const Request& request) {
  if (request.layers.empty()) return short_links(request, {request.source});
  if (request.layers.size() > kMaxLayers)
    return fail(E2BIG, "too many layers: " + std::to_string(request.layers.size()), {},
                "the kernel takes " + std::to_string(kMaxLayers) +
                    ": flatten the image with 'rcrt unpack' and 'rcrt import'");
  Lower lower{request.layers_dir, join_names(request.layers)};
  if (!lower.names.empty()) return lower;
  std::vector<std::string> targets;
  for (const std::string& layer : request.layers) targets.push_back(request.layers_dir + "/" + layer);
  return short_links(request, targets);
}

// The kernel says only that something is missing: say what. Runs after a failed mount.
Status explain(const Request& request, int code) {
  if (code == EPERM) return fail(code, "cannot mount the container's root", {}, "run as root");
  struct stat info;
  if (request.layers.empty()) {
    if (::stat(request.source.c_str(), &info) != 0)
      return fail_errno("cannot use as a root directory", request.source, "name a directory that exists");
    if (!S_ISDIR(info.st_mode)) return fail(ENOTDIR, "cannot use as a root directory", request.source);
  } else if (::stat(request.layers_dir.c_str(), &info) != 0) {
    return fail_errno("cannot open the folder of image layers", request.layers_dir,
                      "the image store is damaged: import or pull the image again");
  }
  for (const std::string& layer : request.layers) {
    std::string path = request.layers_dir + "/" + layer;
    if (::stat(path.c_str(), &info) != 0)
      return fail_errno("cannot open an image layer", path, "import or pull the image again");
    if (!S_ISDIR(info.st_mode)) return fail(ENOTDIR, "an image layer is not a directory", path);
  }
  std::string hint;
  if (code == EINVAL)
    hint =
        "the file system of this folder cannot hold an overlay's changes (another overlay?): choose another "
        "--root";
  if (code == EINVAL && request.users >= 0)
    hint = "with mapped ids overlayfs needs Linux 5.19 or later: drop --uidmap and --gidmap";
  if (code == ENODEV) hint = "this kernel has no overlayfs: load the module 'overlay'";
  if (code == EBUSY) hint = "the container's layer is mounted already";
  return fail(code, "cannot mount the container's root on", request.dir, hint);
}

// The layers as they are owned in the container: in this namespace a mapped mount lies over them.
Status map_layers(const Request& request) {
  const std::string& folder = request.layers.empty() ? request.source : request.layers_dir;
  UniqueFd tree(::open_tree(AT_FDCWD, folder.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree) return fail_errno("cannot open the layers to map their ids", folder);
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(request.users);
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
    return fail_errno("cannot map the ids of the layers in", folder,
                      errno == EINVAL ? "its file system cannot do that: put --root on another" : "");
  if (::move_mount(tree.get(), "", AT_FDCWD, folder.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return fail_errno("cannot mount the layers with mapped ids on", folder);
  return {};
}

// What the helper thread is given and gives back.
struct Job {
  const Request& request;
  const Lower& lower;
  std::optional<Expected<UniqueFd>> outcome;
};

Expected<UniqueFd> in_own_namespace(const Request& request, const Lower& lower) {
  // This thread's own working directory and mount table. They end with it, and with
  // them every trace of the mount but the clone that is handed out.
  if (::unshare(CLONE_FS | CLONE_NEWNS) != 0)
    return fail_errno("cannot create a mount namespace", {}, errno == EPERM ? "run as root" : "");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail_errno("cannot make the mounts of a new namespace private");
  if (request.users >= 0)
    if (Status mapped = map_layers(request); !mapped) return std::unexpected(mapped.error());
  if (::chdir(lower.folder.c_str()) != 0) {
    int code = errno;
    return std::unexpected(explain(request, code).error());
  }
  // By descriptor: no character of the path can mean anything in the option string, and
  // the container does not see it in its mount table. Opened here, for the kernel takes
  // layers from the caller's own mount namespace only.
  UniqueFd dir(::open(request.parent().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return fail_errno("cannot open the container's storage", request.dir);
  std::string base = "/proc/self/fd/" + std::to_string(dir.get());
  // redirect_dir and metacopy: neither made nor followed, so that the upper directory
  // is complete by itself and a layer cannot point anywhere. index: a layer set may
  // change under an upper directory that is kept.
  std::string options = "lowerdir=" + lower.names + ",upperdir=" + base + "/" + request.name() +
                        ",workdir=" + base + "/" + request.work() +
                        ",index=off,metacopy=off,redirect_dir=nofollow";
  if (request.is_volatile) options += ",volatile";
  fault_point("storage-overlay: mount");
  auto mounted = mount_with_libmount("overlay", options, request.dir);
  if (!mounted) return std::unexpected(mounted.error());
  if (*mounted != 0) return std::unexpected(explain(request, *mounted).error());
  UniqueFd root(::open_tree(AT_FDCWD, request.dir.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!root) return fail_errno("cannot detach the mount of the container's root", request.dir);
  fault_point("storage-overlay: detached");
  return root;
}

void* run_job(void* argument) {
  auto* job = static_cast<Job*>(argument);
  try {
    job->outcome = in_own_namespace(job->request, job->lower);
  } catch (...) {
    job->outcome = fail(ENOMEM, "cannot mount the container's root");
  }
  return nullptr;
}

Expected<UniqueFd> mount_in_helper(const Request& request, const Lower& lower) {
  Job job{request, lower, {}};
  // No handler of the host's runs in the helper.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int code = ::pthread_create(&thread, nullptr, run_job, &job);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (code != 0) return fail(code, "cannot start a thread");
  ::pthread_join(thread, nullptr);
  return std::move(*job.outcome);
}

}  // namespace

sdk::Expected<UniqueFd> mount_overlay(const Request& request) {
  auto lower = lower_of(request);
  if (!lower) return std::unexpected(lower.error());
  // The new mount interface takes a fifth of the time but no more than some 25 layers.
  Expected<UniqueFd> root;
  // Mapped layers are mounted in a namespace of the helper's.
  auto detached = request.users < 0 ? mount_detached(request, lower->folder, lower->names) : std::nullopt;
  root = detached ? Expected<UniqueFd>(std::move(*detached)) : mount_in_helper(request, *lower);
  if (root && request.read_only) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (::mount_setattr(root->get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
      return fail_errno("cannot make the container's root read-only");
  }
  return root;
}

}  // namespace rcrt::overlay
