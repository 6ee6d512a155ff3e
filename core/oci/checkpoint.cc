// SPDX-License-Identifier: MIT
// `checkpoint`: a container into files.
#include "core/oci/checkpoint.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "core/files.h"
#include "core/oci/container_mounts.h"
#include "core/oci/criu.h"
#include "core/oci/namespaces.h"
#include "core/oci/runtime.h"

namespace rcrt::oci {
namespace {

constexpr char kLog[] = "dump.log";

std::string proc(pid_t pid, const std::string& name) { return "/proc/" + std::to_string(pid) + "/" + name; }

// Where the container has what it calls `path`; empty when it is not there.
std::string real_path(int root, const std::string& path) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
  return fd ? path_of(fd.get()) : std::string();
}

// The machine's /dev/null, which covers the files of maskedPaths.
bool is_null_device(int root, const std::string& path) {
  struct stat status;
  return fstatat(root, path.c_str() + 1, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(status.st_mode) &&
         status.st_rdev == makedev(1, 3);
}

Result<void> add_mounts(const Json& config, pid_t pid, const ContainerMounts& mounts, CriuRequest& request) {
  UniqueFd root(open(proc(pid, "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return errno_error("cannot look into the container", proc(pid, "root"));
  auto points = mounts.points;
  for (const auto& outside : outside_mounts(config)) {
    auto point = std::ranges::find(points, real_path(root.get(), outside.destination));
    if (point == points.end()) continue;
    request.add_mount(*point, outside.destination);
    points.erase(point);
  }
  for (const auto& point : points)
    if (is_null_device(root.get(), point)) request.add_mount(point, "/dev/null");
  return {};
}

// What the standard streams are, by what restore is to give in their place.
Json standard_streams(const Record& record, const ContainerMounts& mounts, CriuRequest& request) {
  Json streams = Json::array();
  const Json pipes = record.extra.value("pipes", Json::array());
  for (size_t stream = 0; stream < 3; ++stream) {
    const std::string number = std::to_string(stream), path = proc(record.pid, "fd/" + number);
    std::string name = stream < pipes.size() ? pipes[stream].get<std::string>() : "";
    char target[4096];
    ssize_t size = readlink(path.c_str(), target, sizeof target);
    if (name.empty() && size > 0) name.assign(target, static_cast<size_t>(size));
    struct stat status;
    auto info = read_file(proc(record.pid, "fdinfo/" + number));
    size_t at = info ? info->find("mnt_id:") : std::string::npos;
    if (name.starts_with("/") && at != std::string::npos && stat(path.c_str(), &status) == 0) {
      const int mount = atoi(info->c_str() + at + sizeof "mnt_id:" - 1);
      char file[64];
      snprintf(file, sizeof file, "file[%x:%lx]", static_cast<unsigned>(mount), status.st_ino);
      if (!mounts.ids.contains(mount)) {
        name = file;
        if (std::ranges::find(streams, Json(name)) == streams.end()) request.add_external(name);
      }
    }
    streams.push_back(std::move(name));
  }
  return streams;
}

// Those the configuration joins by a path: they are there again when it is restored.
Result<void> add_namespaces(const Json& config, pid_t pid, CriuRequest& request) {
  for (const auto& [type, kind] : kOutsideNamespaces) {
    if (namespace_path(config, type).empty()) continue;
    struct stat status;
    std::string path = proc(pid, std::string("ns/") + kind);
    if (stat(path.c_str(), &status) != 0) return errno_error("cannot look at the namespace", path);
    request.add_external(std::string(kind) + "[" + std::to_string(status.st_ino) + "]:" + outside_name(kind));
  }
  return {};
}

Result<void> set_parent(const CriuOptions& options, CriuRequest& request) {
  if (options.parent.empty()) return {};
  if (options.parent[0] == '/')
    return error("--parent-path must be relative", options.parent, "it is meant from --image-path", EINVAL);
  struct stat status;
  const std::string path = options.images + "/" + options.parent;
  if (stat(path.c_str(), &status) != 0) return errno_error("invalid --parent-path", path);
  if (!S_ISDIR(status.st_mode)) return error("invalid --parent-path", path, {}, ENOTDIR);
  request.options().parent_images = request.text(options.parent);
  RCRT_CRIU_SET(request.options(), track_memory, 1);
  return {};
}

// CRIU says so when the pages can be fetched.
void announce_pages(int status_fd) {
  if (status_fd < 0) return;
  (void)!write(status_fd, "", 1);
  close(status_fd);
}

}  // namespace

Result<void> Runtime::checkpoint(const std::string& id, const CriuOptions& options) {
  RCRT_ASSIGN(Opened container, open(id));
  RCRT_TRY(container.folder.lock());
  Record& record = container.record;
  Status status = status_of(container.folder, record);
  if (status != Status::running && status != Status::paused)
    return error(std::string("container cannot be checkpointed in ") + status_name(status) + " state", id);
  if ((foreign_namespaces(record.pid) & CLONE_NEWNS) == 0)
    return error("cannot checkpoint a container without a mount namespace of its own", id);
  if (Readiness::added_to(container.folder))
    return error("cannot checkpoint a container that was created for a service manager", id,
                 "create it without NOTIFY_SOCKET");
  if (options.status_fd >= 0 && fcntl(options.status_fd, F_GETFD) < 0)
    return errno_error("invalid --status-fd", std::to_string(options.status_fd));
  RCRT_ASSIGN(std::string program, find_criu(options.program));
  RCRT_ASSIGN(Json config, container.folder.read_config());
  RCRT_ASSIGN(ContainerMounts mounts, container_mounts(record.pid));

  CriuRequest request(options.pre_dump ? CRIU__TYPE__PRE_DUMP : CRIU__TYPE__DUMP);
  Criu__Options& out = request.options();
  RCRT_TRY(set_choices(options, request));
  RCRT_TRY(set_parent(options, request));
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC)), output(memfd_create("output", MFD_CLOEXEC));
  if (!null || !output) return errno_error("cannot open", "/dev/null");
  RCRT_ASSIGN(Criu criu, Criu::start(program, {null.get(), output.get(), output.get()}, {}));
  auto failure = [&](const Error& below, const std::string& log) {
    return criu_error(below, "cannot checkpoint container", id, log, output.get());
  };
  if (auto fits = criu.check_version(); !fits) return failure(fits.error(), {});
  RCRT_ASSIGN(CriuFolders folders, set_common_options(options, config, kLog, true, request));
  out.root = request.text(record.rootfs);
  if (!record.cgroup.empty()) out.freeze_cgroup = request.text(record.cgroup);
  RCRT_CRIU_SET(out, pid, record.pid);
  RCRT_CRIU_SET(out, leave_running, options.leave_running);
  RCRT_CRIU_SET(out, tcp_skip_in_flight, options.tcp_skip_in_flight);
  RCRT_CRIU_SET(out, link_remap, options.link_remap);
  RCRT_TRY(add_namespaces(config, record.pid, request));
  if (!options.pre_dump) {
    RCRT_TRY(add_mounts(config, record.pid, mounts, request));
    Json streams = standard_streams(record, mounts, request);
    RCRT_TRY(write_file(options.images + "/" + kDescriptors, streams.dump()));
  }
  auto done = criu.carry_out(request, [&](Criu::Notice notice) -> Result<void> {
    if (notice.script == "status-ready") announce_pages(options.status_fd);
    return {};
  });
  if (!done) return failure(done.error(), folders.log);
  if (options.leave_running || options.pre_dump) return {};
  return destroy(container);
}

}  // namespace rcrt::oci
