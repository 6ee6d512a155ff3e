// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/tree.h"
#include "core/files.h"
#include "core/oci/record.h"
#include "core/oci/strict_json.h"
#include "core/paths.h"

namespace rcrt::oci {
namespace {

// Reaches a socket however long the folder's path is: sun_path has 108 bytes.
sockaddr_un address(int folder, const char* name) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
  return address;
}

// A folder without a state is a container's that is half created, or half deleted, when nothing
// but ours is in it: --root may name a folder of others by mistake.
bool is_container(const std::string& path, int folder) {
  if (faccessat(folder, "state.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0) return true;
  struct stat status;
  if (fstat(folder, &status) != 0 || (status.st_mode & 0777) != 0700) return false;
  return std::ranges::all_of(list_folder(path), [](const std::string& name) {
    return name == "config.json" || name == "start" || name == "start.new" || name == "notify" ||
           name == "storage" || name.starts_with("state.json.");
  });
}

}  // namespace

Result<Folder> Folder::make(const std::string& root, const std::string& id) {
  RCRT_TRY(check_id(id));
  Folder folder;
  folder.path_ = root + "/" + id;
  int made = mkdir(folder.path_.c_str(), 0700);
  if (made != 0 && errno == ENOENT) {
    RCRT_TRY(make_folders(root));
    made = mkdir(folder.path_.c_str(), 0700);
  }
  if (made != 0 && errno == EEXIST)
    return error("container with given ID already exists", id, "delete it first, or choose another id",
                 EEXIST);
  if (made != 0) return errno_error("cannot make the container's folder", folder.path_);
  folder.fd_.reset(::open(folder.path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!folder.fd_) return errno_error("cannot open the container's folder", folder.path_);
  RCRT_TRY(folder.lock());
  return folder;
}

Result<Folder> Folder::open(const std::string& root, const std::string& id) {
  RCRT_TRY(check_id(id));
  Folder folder;
  folder.path_ = root + "/" + id;
  const int fd = ::open(folder.path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  const int code = fd < 0 ? errno : ENOENT;
  folder.fd_ = UniqueFd(fd);
  if (fd >= 0 && is_container(folder.path_, fd)) return folder;
  if (code != ENOENT && code != ENOTDIR)
    return error("cannot open the container's folder", folder.path_, {}, code);
  Error none{"container does not exist", id, 0, {}, {}, 1};
  none.code = ENOENT;
  return std::unexpected(std::move(none));
}

Result<void> Folder::lock() {
  while (flock(fd_.get(), LOCK_EX) != 0)
    if (errno != EINTR) return errno_error("cannot lock the container", path_);
  return {};
}

void Folder::unlock() { flock(fd_.get(), LOCK_UN); }

bool Folder::try_lock() { return flock(fd_.get(), LOCK_EX | LOCK_NB) == 0; }

Result<Record> Folder::read() const {
  auto text = read_file(path_ + "/state.json");
  if (!text && text.error().code == ENOENT)
    return error("the container is half created: it has no state", path_ + "/state.json",
                 "remove the container with `delete --force`", ENOENT);
  if (!text) return std::unexpected(text.error());
  auto json = parse_strict(*text, path_ + "/state.json");
  if (!json)
    return error("the state of the container is damaged", path_ + "/state.json",
                 "remove the container with `delete --force`", EBADMSG);
  return Record::from_json(*json);
}

Result<void> Folder::write(const Record& record) const {
  return write_file(path_ + "/state.json", record.to_json().dump());
}

Result<Json> Folder::read_config() const {
  const std::string path = path_ + "/config.json";
  RCRT_ASSIGN(std::string text, read_file(path, kMaxJson));
  return parse_strict(text, path);
}

Result<void> Folder::write_config(const std::string& text) const {
  return overwrite_file(path_ + "/config.json", text, 0600);
}

Result<UniqueFd> Folder::bind(const char* name, int type) const {
  UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error("cannot make a socket");
  sockaddr_un at = address(fd_.get(), name);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0)
    return errno_error("cannot make the socket", path_ + "/" + name);
  return socket;
}

Result<UniqueFd> Folder::listen(const char* name) const {
  RCRT_ASSIGN(UniqueFd socket, bind(name, SOCK_SEQPACKET));
  if (::listen(socket.get(), 64) != 0) return errno_error("cannot listen on", path_ + "/" + name);
  return socket;
}

Result<UniqueFd> Folder::connect(const char* name) const {
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error("cannot make a socket");
  sockaddr_un at = address(fd_.get(), name);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0)
    return errno_error("cannot reach the container's process", path_ + "/" + name);
  return socket;
}

Result<void> Folder::rename(const char* from, const char* to) const {
  if (renameat(fd_.get(), from, fd_.get(), to) != 0) return errno_error("cannot rename", path_ + "/" + from);
  return {};
}

void Folder::remove() {
  for (const char* name : {"start", "start.new", "config.json"}) unlinkat(fd_.get(), name, 0);
  unlinkat(fd_.get(), "state.json", 0);
  if (rmdir(path_.c_str()) != 0) (void)remove_tree(path_.c_str());
}

}  // namespace rcrt::oci
