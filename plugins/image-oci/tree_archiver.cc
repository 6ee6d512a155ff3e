// SPDX-License-Identifier: MIT
#include "plugins/image-oci/tree_archiver.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

using EntryPtr = std::unique_ptr<archive_entry, decltype([](archive_entry* e) { archive_entry_free(e); })>;

class TreeArchiver {
 public:
  TreeArchiver(archive* out, dev_t device, const ArchiveOptions& options)
      : out_(out), device_(device), options_(options) {}

  // The directory `fd` as entry `path`, and everything in it.
  Result<void> add_directory(int fd, const std::string& path, const struct stat& info) {
    EntryPtr entry = describe(path, info);
    RCRT_TRY(add_xattrs(entry.get(), fd, path));
    RCRT_TRY(header(entry.get(), path));
    if (info.st_dev != device_) return {};
    if (options_.overlay) RCRT_TRY(add_overlay_marks(fd, path));
    RCRT_ASSIGN(auto names, names_in(fd));
    std::ranges::sort(names);
    for (const std::string& name : names) RCRT_TRY(add(fd, name, path == "." ? name : path + "/" + name));
    return {};
  }

 private:
  // A whiteout, or the mark of a directory that hides what is below it.
  Result<void> add_empty(const std::string& path) {
    EntryPtr entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_size(entry.get(), 0);
    archive_entry_set_mtime(entry.get(), 0, 0);
    return header(entry.get(), path);
  }

  Result<void> add_overlay_marks(int fd, const std::string& path) {
    char value[4];
    if (fgetxattr(fd, "trusted.overlay.redirect", nullptr, 0) >= 0)
      return error("a directory that was renamed by overlayfs", path, "copy it instead", ENOTSUP);
    if (fgetxattr(fd, "trusted.overlay.opaque", value, sizeof value) == 1 && value[0] == 'y')
      return add_empty((path == "." ? "" : path + "/") + ".wh..wh..opq");
    return {};
  }

  static EntryPtr describe(const std::string& path, const struct stat& info) {
    EntryPtr entry(archive_entry_new());
    archive_entry_copy_stat(entry.get(), &info);
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_unset_atime(entry.get());
    archive_entry_unset_ctime(entry.get());
    return entry;
  }

  Result<void> add(int parent, const std::string& name, const std::string& path) {
    // In a layer such a name means the deletion of another.
    if (name.starts_with(".wh."))
      return error("a name no image can hold", path, "names beginning with \".wh.\" are whiteouts", EINVAL);
    struct stat info{};
    if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return errno_error("cannot stat", path);
    if (S_ISSOCK(info.st_mode)) return {};
    if (options_.overlay && S_ISCHR(info.st_mode) && info.st_rdev == 0) {
      const size_t slash = path.rfind('/');
      const size_t at = slash == path.npos ? 0 : slash + 1;
      return add_empty(path.substr(0, at) + ".wh." + path.substr(at));
    }
    if (S_ISDIR(info.st_mode)) {
      UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd) return errno_error("cannot open directory", path);
      return add_directory(fd.get(), path, info);
    }
    EntryPtr entry = describe(path, info);
    if (info.st_nlink > 1) {
      auto [first, is_first] = linked_.emplace(std::pair(info.st_dev, info.st_ino), path);
      if (!is_first) {
        archive_entry_set_hardlink(entry.get(), first->second.c_str());
        archive_entry_unset_size(entry.get());
        return header(entry.get(), path);
      }
    }
    if (S_ISREG(info.st_mode)) return add_file(parent, name, path, std::move(entry));
    if (S_ISLNK(info.st_mode)) {
      char target[PATH_MAX];
      const ssize_t size = readlinkat(parent, name.c_str(), target, sizeof target - 1);
      if (size < 0) return errno_error("cannot read link", path);
      target[size] = '\0';
      archive_entry_set_symlink(entry.get(), target);
    }
    return header(entry.get(), path);
  }

  Result<void> add_file(int parent, const std::string& name, const std::string& path, EntryPtr entry) {
    UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return errno_error("cannot open", path);
    struct stat info{};
    if (fstat(fd.get(), &info) != 0) return errno_error("cannot stat", path);
    archive_entry_set_size(entry.get(), info.st_size);
    RCRT_TRY(add_xattrs(entry.get(), fd.get(), path));
    if (info.st_blocks * 512 < info.st_size) add_extents(entry.get(), fd.get(), info.st_size);
    RCRT_TRY(header(entry.get(), path));
    off_t left = info.st_size;
    if (lseek(fd.get(), 0, SEEK_SET) != 0) return errno_error("cannot rewind", path);
    while (left > 0) {
      RCRT_ASSIGN(const size_t got,
                  read_full(fd.get(), buffer_.data(), std::min<size_t>(buffer_.size(), left)));
      if (got == 0 && !options_.changing)
        return error("file shrank while it was read", path, "stop what writes to it", EIO);
      if (got == 0) return {};  // libarchive writes zeros
      if (archive_write_data(out_, buffer_.data(), got) < 0) return failure(path);
      left -= static_cast<off_t>(got);
    }
    return {};
  }

  static void add_extents(archive_entry* entry, int fd, off_t size) {
    for (off_t at = 0; at < size;) {
      const off_t data = lseek(fd, at, SEEK_DATA);
      if (data < 0) break;
      const off_t hole = lseek(fd, data, SEEK_HOLE);
      archive_entry_sparse_add_entry(entry, data, hole - data);
      at = hole;
    }
    if (archive_entry_sparse_count(entry) == 0) archive_entry_sparse_add_entry(entry, size, 0);
  }

  Result<void> add_xattrs(archive_entry* entry, int fd, const std::string& path) {
    std::vector<char> names(64 << 10);
    const ssize_t size = flistxattr(fd, names.data(), names.size());
    if (size < 0 && errno == ENOTSUP) return {};
    if (size < 0) return errno_error("cannot list extended attributes of", path);
    std::vector<char> value(64 << 10);
    for (const char* name = names.data(); name < names.data() + size;
         name += std::char_traits<char>::length(name) + 1) {
      const std::string_view n = name;
      if (n != "security.capability" && !n.starts_with("user.")) continue;
      const ssize_t length = fgetxattr(fd, name, value.data(), value.size());
      if (length < 0) return errno_error("cannot read extended attribute of", path);
      archive_entry_xattr_add_entry(entry, name, value.data(), static_cast<size_t>(length));
    }
    return {};
  }

  Result<void> header(archive_entry* entry, const std::string& path) {
    if (archive_write_header(out_, entry) < ARCHIVE_WARN) return failure(path);
    return {};
  }

  std::unexpected<Error> failure(const std::string& path) const {
    const char* text = archive_error_string(out_);
    return error("cannot archive", path, text != nullptr ? text : "", archive_errno(out_));
  }

  archive* out_;
  dev_t device_;
  ArchiveOptions options_;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;
  std::vector<char> buffer_ = std::vector<char>(256 << 10);
};

struct SinkState {
  const Sink& sink;
  std::optional<Error> failure;
};

la_ssize_t write_to_sink(archive* a, void* context, const void* data, size_t size) {
  auto* state = static_cast<SinkState*>(context);
  if (!state->failure) {
    auto written = state->sink(data, size);
    if (written) return static_cast<la_ssize_t>(size);
    state->failure = written.error();
  }
  archive_set_error(a, EIO, "%s", state->failure->message().c_str());
  return -1;
}

}  // namespace

Result<void> archive_tree(int root, const Sink& out, const ArchiveOptions& options) {
  struct stat info{};
  if (fstat(root, &info) != 0) return errno_error("cannot stat the directory");
  std::unique_ptr<archive, decltype([](archive* a) { archive_write_free(a); })> writer(archive_write_new());
  if (!writer) return error("cannot write the archive", {}, {}, ENOMEM);
  archive_write_set_format_pax(writer.get());  // times with nanoseconds
  archive_write_set_bytes_per_block(writer.get(), 256 << 10);
  archive_write_set_bytes_in_last_block(writer.get(), 1);
  SinkState sink{out, {}};
  auto written = [&]() -> Result<void> {
    if (archive_write_open(writer.get(), &sink, nullptr, write_to_sink, nullptr) != ARCHIVE_OK)
      return error("cannot write the archive", {}, {}, archive_errno(writer.get()));
    TreeArchiver archiver(writer.get(), info.st_dev, options);
    RCRT_TRY(archiver.add_directory(root, ".", info));
    if (archive_write_close(writer.get()) != ARCHIVE_OK)
      return error("cannot write the archive", {}, {}, archive_errno(writer.get()));
    return {};
  }();
  if (!written && sink.failure) return std::unexpected(*sink.failure);
  if (!written) archive_write_fail(writer.get());
  return written;
}

}  // namespace rcrt::image_oci
