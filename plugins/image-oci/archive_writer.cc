// SPDX-License-Identifier: MIT
#include "archive_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/xattr.h>

#include <map>
#include <memory>
#include <vector>

#include "digest.h"
#include "files.h"

namespace rcrt::oci {
namespace {

struct WriteFree {
  void operator()(archive* a) const { ::archive_write_free(a); }
};
struct EntryFree {
  void operator()(archive_entry* e) const { ::archive_entry_free(e); }
};

struct Sink {
  int fd;
  Sha256 hash;
};

la_ssize_t write_sink(archive* a, void* data, const void* bytes, size_t size) {
  auto* sink = static_cast<Sink*>(data);
  if (auto written = write_all(sink->fd, bytes, size); !written) {
    ::archive_set_error(a, written.error().code, "cannot write");
    return -1;
  }
  sink->hash.update(bytes, size);
  return static_cast<la_ssize_t>(size);
}

class Walker {
 public:
  Walker(archive* a, int root) : archive_(a), root_(root), buffer_(1 << 20) {}

  Result<void> walk() {
    if (::fstat(root_, &top_) != 0) return errno_error("cannot examine the directory");
    RCRT_TRY(add(root_, ".", "", top_));
    std::vector<std::string> waiting{""};
    while (!waiting.empty()) {
      std::string path = std::move(waiting.back());
      waiting.pop_back();
      UniqueFd directory = open_no_links(root_, path, O_RDONLY | O_DIRECTORY);
      if (!directory) return errno_error("cannot open", path);
      RCRT_ASSIGN(std::vector<std::string> names, list_directory(directory.get()));
      for (const std::string& name : names) {
        struct stat info;
        if (::fstatat(directory.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
          return errno_error("cannot examine", path + "/" + name);
        if (info.st_dev != top_.st_dev || S_ISSOCK(info.st_mode)) continue;
        std::string below = path.empty() ? name : path + "/" + name;
        RCRT_TRY(add(directory.get(), name, below, info));
        if (S_ISDIR(info.st_mode)) waiting.push_back(std::move(below));
      }
    }
    return {};
  }

 private:
  Result<void> failed(const std::string& path) {
    const char* text = ::archive_error_string(archive_);
    return std::unexpected(Error{"cannot archive", path, 0, {}, text ? text : "", 125});
  }

  Result<void> add(int parent, const std::string& name, const std::string& path, const struct stat& info) {
    std::unique_ptr<archive_entry, EntryFree> entry(::archive_entry_new());
    archive_entry* e = entry.get();
    ::archive_entry_copy_stat(e, &info);
    ::archive_entry_set_pathname(e, path.empty() ? "." : path.c_str());
    ::archive_entry_unset_atime(e);
    ::archive_entry_unset_ctime(e);
    if (S_ISLNK(info.st_mode)) {
      char target[4097];
      ssize_t size = ::readlinkat(parent, name.c_str(), target, sizeof target - 1);
      if (size < 0) return errno_error("cannot read the link", path);
      target[size] = '\0';
      ::archive_entry_set_symlink(e, target);
    }
    UniqueFd fd;
    if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) {
      fd = open_no_links(parent, name, O_RDONLY | O_NONBLOCK);
      if (!fd) return errno_error("cannot open", path);
      xattrs(fd.get(), e);
    }
    if (!S_ISDIR(info.st_mode) && info.st_nlink > 1) {
      auto [first, is_first] = links_.emplace(info.st_ino, path);
      if (!is_first) {
        ::archive_entry_set_hardlink(e, first->second.c_str());
        ::archive_entry_set_size(e, 0);
        fd.reset();
      }
    }
    if (::archive_write_header(archive_, e) < ARCHIVE_WARN) return failed(path);
    if (!fd || !S_ISREG(info.st_mode)) return {};
    for (int64_t left = info.st_size; left > 0;) {
      ssize_t got =
          ::read(fd.get(), buffer_.data(), std::min<size_t>(buffer_.size(), static_cast<size_t>(left)));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno_error("cannot read", path);
      if (got == 0) return error("the file shrank while it was read", path);
      if (::archive_write_data(archive_, buffer_.data(), static_cast<size_t>(got)) < 0) return failed(path);
      left -= got;
    }
    return {};
  }

  void xattrs(int fd, archive_entry* e) {
    std::vector<char> names(64 << 10), value(64 << 10);
    ssize_t size = ::flistxattr(fd, names.data(), names.size());
    for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(strlen(&names[at])) + 1) {
      const char* name = &names[at];
      if (!keeps_xattr(name)) continue;
      ssize_t got = ::fgetxattr(fd, name, value.data(), value.size());
      if (got >= 0) ::archive_entry_xattr_add_entry(e, name, value.data(), static_cast<size_t>(got));
    }
  }

  archive* archive_;
  int root_;
  struct stat top_{};
  std::map<ino_t, std::string> links_;
  std::vector<char> buffer_;
};

}  // namespace

Result<std::string> archive_directory(int directory, int to) {
  Sink sink{to, {}};
  std::unique_ptr<archive, WriteFree> handle(::archive_write_new());
  archive* a = handle.get();
  if (!a) return error("out of memory", {}, {}, ENOMEM);
  ::archive_write_set_format_pax_restricted(a);
  if (::archive_write_open(a, &sink, nullptr, write_sink, nullptr) != ARCHIVE_OK)
    return error("cannot write an archive");
  RCRT_TRY(Walker(a, directory).walk());
  if (::archive_write_close(a) != ARCHIVE_OK)
    return error("cannot write an archive", {}, {}, ::archive_errno(a));
  return sink.hash.hex();
}

}  // namespace rcrt::oci
