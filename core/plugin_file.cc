// SPDX-License-Identifier: MIT
#include "core/plugin_file.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <rcrt/image.h>
#include <rcrt/isolation.h>
#include <rcrt/network.h>
#include <rcrt/storage.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

#include "core/user_namespace.h"

namespace rcrt {
namespace {

constexpr PluginKind kKinds[] = {
    {"image", RCRT_IMAGE_V1},
    {"isolation", RCRT_ISOLATION_V1},
    {"net", RCRT_NETWORK_V1},
    {"storage", RCRT_STORAGE_V1},
};

std::string proc_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

Result<std::string> real_path(int fd) {
  char buffer[PATH_MAX];
  ssize_t size = readlink(proc_path(fd).c_str(), buffer, sizeof buffer);
  if (size < 0) return errno_error("cannot read", proc_path(fd), "mount /proc");
  return std::string(buffer, static_cast<size_t>(size));
}

// In a user namespace that does not map the machine's root, this is how he is seen. So are others,
// whom we cannot tell from him: but this process has no more rights there than its user.
bool is_seen_as_nobody(uid_t uid) { return uid == 65534 && in_user_namespace(); }

// Root runs code from here, so nobody else may have a say in it.
Result<void> check_owner(const struct stat& st, const std::string& path) {
  if (st.st_uid != 0 && !is_seen_as_nobody(st.st_uid))
    return error("plugin refused: root does not own", path, "chown root it, or remove it", EPERM);
  if (st.st_mode & (S_IWGRP | S_IWOTH))
    return error("plugin refused: others than root can write", path, "chmod go-w it", EPERM);
  return {};
}

// What is loaded is mapped: of a file that ends before its segments do, the first access kills us.
Result<void> check_whole(int folder, const std::string& file, const struct stat& st,
                         const std::string& path) {
  UniqueFd fd(openat(folder, file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error("cannot open plugin", path);
  Elf64_Ehdr header{};
  std::array<Elf64_Phdr, 16> segments{};
  if (pread(fd.get(), &header, sizeof header, 0) != sizeof header) return {};  // no library: dlopen says so
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof segments[0]) return {};
  const size_t count = std::min<size_t>(header.e_phnum, segments.size());
  const size_t size = count * sizeof segments[0];
  bool whole = pread(fd.get(), segments.data(), size, static_cast<off_t>(header.e_phoff)) ==
               static_cast<ssize_t>(size);
  for (size_t i = 0; i < count; ++i)
    if (segments[i].p_type == PT_LOAD)
      whole = whole && segments[i].p_offset + segments[i].p_filesz <= static_cast<uint64_t>(st.st_size);
  if (whole) return {};
  return error("plugin refused: the file is cut off", path, "install it again", ENOEXEC);
}

}  // namespace

const PluginKind* find_plugin_kind(std::string_view kind) {
  for (const PluginKind& k : kKinds)
    if (kind == k.kind) return &k;
  return nullptr;
}

bool valid_plugin_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() == '.' || name.front() == '-') return false;
  for (char c : name) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-') return false;
  }
  return name.find("..") == std::string_view::npos;
}

bool split_plugin_file_name(std::string_view file, std::string* kind, std::string* name) {
  size_t dash = file.find('-');
  if (dash == std::string_view::npos || !file.ends_with(".so")) return false;
  std::string_view head = file.substr(0, dash);
  std::string_view rest = file.substr(dash + 1);
  rest.remove_suffix(std::min(rest.size(), std::string_view(".so").size()));
  if (!find_plugin_kind(head) || !valid_plugin_name(rest)) return false;
  *kind = head;
  *name = rest;
  return true;
}

Result<PluginFolder> open_plugin_folder(const std::string& path) {
  PluginFolder folder{path, UniqueFd(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC))};
  if (!folder.fd) return errno_error("cannot open plugin folder", path);
  return folder;
}

Result<std::string> check_plugin_file(const PluginFolder& folder, const std::string& file) {
  const std::string path = folder.path + "/" + file;
  const bool root = geteuid() == 0;

  UniqueFd fd(openat(folder.fd.get(), file.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return errno_error("cannot open plugin", path);
  struct stat st;
  if (fstat(fd.get(), &st) != 0) return errno_error("cannot examine plugin", path);
  const bool link = S_ISLNK(st.st_mode);
  if (link) {
    struct open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    if (root) how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    fd.reset(static_cast<int>(syscall(SYS_openat2, folder.fd.get(), file.c_str(), &how, sizeof how)));
    if (!fd && errno == EXDEV)
      return error("plugin refused: symbolic link out of its folder", path, "put the file itself there",
                   EPERM);
    // A dangling link is a broken plugin, not a missing one.
    if (!fd && (errno == ENOENT || errno == ELOOP))
      return error("plugin refused: symbolic link that leads nowhere", path, {}, ELOOP);
    if (!fd) return errno_error("cannot open plugin", path);
    if (fstat(fd.get(), &st) != 0) return errno_error("cannot examine plugin", path);
  }
  if (!S_ISREG(st.st_mode)) return error("plugin refused: no regular file", path, {}, EINVAL);
  RCRT_TRY(check_whole(folder.fd.get(), file, st, path));
  if (!root) return proc_path(folder.fd.get()) + "/" + file;

  struct stat dir;
  if (fstat(folder.fd.get(), &dir) != 0) return errno_error("cannot examine plugin folder", folder.path);
  if (auto owner = check_owner(dir, folder.path); !owner) {
    owner.error().cause = "it is the folder of " + file;
    return std::unexpected(owner.error());
  }
  RCRT_TRY(check_owner(st, path));
  if (!link) return proc_path(folder.fd.get()) + "/" + file;
  // The file is in this very folder, which only root can change: what was checked by
  // descriptor is what is loaded by name.
  auto real_file = real_path(fd.get());
  RCRT_TRY(real_file);
  auto real_folder = real_path(folder.fd.get());
  RCRT_TRY(real_folder);
  std::string_view real = *real_file;
  size_t slash = real.rfind('/');
  if (slash == real.npos || real.substr(0, slash) != (*real_folder == "/" ? "" : *real_folder))
    return error("plugin refused: symbolic link out of its folder", path, "put the file itself there", EPERM);
  return proc_path(folder.fd.get()).append(real.substr(slash));
}

}  // namespace rcrt
