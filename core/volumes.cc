// SPDX-License-Identifier: MIT
#include "core/volumes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/copy_tree.h"
#include "base/fault.h"
#include "base/tree.h"
#include "core/files.h"
#include "core/names.h"
#include "core/process.h"

namespace rcrt {
namespace {

constexpr char kMaking[] = ".new.", kGoing[] = ".gone.";

UniqueFd open_folder(const std::string& path) {
  return UniqueFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

Result<void> lock(int fd, int operation, const std::string& name) {
  while (flock(fd, operation) != 0)
    if (errno != EINTR) return errno_error("cannot lock volume", name);
  return {};
}

// Whether the folder that was locked still has the name.
bool is_still(int fd, const std::string& path) {
  struct stat held, there;
  return fstat(fd, &held) == 0 && stat(path.c_str(), &there) == 0 && held.st_dev == there.st_dev &&
         held.st_ino == there.st_ino;
}

Result<void> sync_folder(const std::string& path) {
  UniqueFd fd = open_folder(path);
  if (!fd || fsync(fd.get()) != 0) return errno_error("cannot sync", path);
  return {};
}

// Nothing but . and ..
bool is_empty(int folder) {
  const int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* list = fd < 0 ? nullptr : fdopendir(fd);
  if (list == nullptr) return false;
  int entries = 0;
  while (entries <= 2 && readdir(list) != nullptr) ++entries;
  closedir(list);
  return entries <= 2;
}

Result<void> write_record(const std::string& folder, const Json& record) {
  return write_file(folder + "/volume.json", record.dump(), Durable::yes);
}

}  // namespace

Result<Volume> VolumeStore::load(const std::string& name) const {
  RCRT_TRY(check_name(name, "volume name"));
  auto record = read_json(folder_ + "/" + name + "/volume.json");
  if (!record && record.error().code == ENOENT)
    return error("no such volume", name, "see `rcrt volume ls`", ENOENT);
  RCRT_TRY(record);
  return Volume{name, data(name), record->value("created", int64_t{0}),
                record->value("labels", Json::object()), record->value("anonymous", false)};
}

std::vector<Volume> VolumeStore::list() const {
  std::vector<Volume> volumes;
  for (const auto& name : list_folder(folder_))
    if (auto volume = load(name)) volumes.push_back(std::move(*volume));
  return volumes;
}

Result<void> VolumeStore::create(const std::string& name, bool anonymous, const Json& labels) {
  RCRT_TRY(check_name(name, "volume name"));
  std::string final = folder_ + "/" + name;
  if (access(final.c_str(), F_OK) == 0) return {};
  RCRT_TRY(make_folders(folder_));
  std::string making = folder_ + "/" + kMaking + "XXXXXX";
  if (mkdtemp(making.data()) == nullptr) return errno_error("cannot make folder", making);
  fault_point("volume folder");
  auto make = [&]() -> Result<void> {
    // Held until it has its name: sweep() leaves it alone.
    UniqueFd fd = open_folder(making);
    if (!fd) return errno_error("cannot open", making);
    RCRT_TRY(lock(fd.get(), LOCK_EX, name));
    if (mkdirat(fd.get(), "_data", 0755) != 0 || fchmodat(fd.get(), "_data", 0755, 0) != 0)
      return errno_error("cannot make volume", name);
    RCRT_TRY(write_record(making, {{"name", name},
                                   {"created", now_ns()},
                                   {"labels", labels},
                                   {"anonymous", anonymous},
                                   {"fresh", true}}));
    fault_point("volume made");
    if (renameat2(AT_FDCWD, making.c_str(), AT_FDCWD, final.c_str(), RENAME_NOREPLACE) != 0)
      return errno_error("cannot make volume", name);
    fault_point("volume named");
    return sync_folder(folder_);
  };
  auto made = make();
  if (made) return {};
  int code = made.error().code;
  if (auto removed = remove_tree(making.c_str()); !removed && code == EEXIST) return removed;
  return code == EEXIST ? Result<void>() : made;  // somebody was quicker
}

Result<UniqueFd> VolumeStore::use(const std::string& name, int content, Owner owner) {
  RCRT_TRY(load(name));
  std::string path = folder_ + "/" + name;
  UniqueFd fd = open_folder(path);
  if (!fd) return errno_error("cannot open volume", name);
  RCRT_TRY(lock(fd.get(), LOCK_SH, name));
  auto gone = [&] { return error("no such volume", name, "it has just been removed", ENOENT); };
  if (!is_still(fd.get(), path)) return gone();
  RCRT_ASSIGN(Json record, read_json(path + "/volume.json"));
  if (!record.value("fresh", false)) return fd;
  // The first use, or two at once: the second finds it done.
  RCRT_TRY(lock(fd.get(), LOCK_EX, name));
  if (!is_still(fd.get(), path)) return gone();
  RCRT_ASSIGN(record, read_json(path + "/volume.json"));
  if (record.value("fresh", false)) {
    if (content >= 0)
      RCRT_TRY(fill(fd.get(), name, content));
    else if (owner.uid != 0 && fchownat(fd.get(), "_data", owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0)
      return errno_error("cannot give volume to the container's root", name);
    fault_point("volume filled");
    record["fresh"] = false;
    RCRT_TRY(write_record(path, record));
    fault_point("volume used");
  }
  RCRT_TRY(lock(fd.get(), LOCK_SH, name));
  return fd;
}

Result<void> VolumeStore::fill(int volume, const std::string& name, int content) const {
  UniqueFd data(openat(volume, "_data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!data) return errno_error("cannot open volume", name);
  if (!is_empty(data.get())) return {};  // filled from outside, or before a crash
  RCRT_TRY(remove_tree(volume, "_copy"));
  if (mkdirat(volume, "_copy", 0700) != 0) return errno_error("cannot make a folder in volume", name);
  fault_point("volume copy");
  UniqueFd copy(openat(volume, "_copy", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!copy) return errno_error("cannot open a folder in volume", name);
  auto copied = copy_tree(content, copy.get());
  if (copied && !is_empty(copy.get()) && syncfs(copy.get()) != 0)
    copied = errno_error("cannot sync volume", name);
  if (copied && renameat(volume, "_copy", volume, "_data") != 0)
    copied = errno_error("cannot fill volume", name);
  if (copied) return {};
  (void)remove_tree(volume, "_copy");
  return wrap(copied.error(), "cannot copy the image's content into volume", name);
}

Result<void> VolumeStore::remove(const std::string& name) {
  RCRT_TRY(load(name));
  std::string path = folder_ + "/" + name;
  UniqueFd fd = open_folder(path);
  if (!fd && errno == ENOENT) return error("no such volume", name, {}, ENOENT);
  if (!fd) return errno_error("cannot open volume", name);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return error("volume is in use", name, "a container is being started with it", EBUSY);
  if (!is_still(fd.get(), path)) return error("no such volume", name, "it has just been removed", ENOENT);
  std::string going = folder_ + "/" + kGoing + name;
  RCRT_TRY(remove_tree(going.c_str()));
  fault_point("volume goes");
  if (rename(path.c_str(), going.c_str()) != 0)
    return errno == ENOENT ? error("no such volume", name, {}, ENOENT)
                           : errno_error("cannot remove volume", name);
  fault_point("volume unnamed");
  return remove_tree(going.c_str());
}

Result<void> VolumeStore::sweep() {
  Result<void> first;
  for (const auto& entry : list_folder(folder_)) {
    if (!entry.starts_with(kMaking) && !entry.starts_with(kGoing)) continue;
    UniqueFd fd = open_folder(folder_ + "/" + entry);
    if (!fd || flock(fd.get(), LOCK_EX | LOCK_NB) != 0) continue;  // in somebody's hands
    if (auto removed = remove_tree((folder_ + "/" + entry).c_str()); !removed && first) first = removed;
  }
  return first;
}

}  // namespace rcrt
