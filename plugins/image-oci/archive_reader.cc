// SPDX-License-Identifier: MIT
#include "plugins/image-oci/archive_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <limits>

namespace rcrt::image_oci {
namespace {

constexpr int kMostComponents = 250;
constexpr size_t kLongestComponent = 255;

// What an image may set. trusted.* steers overlayfs, user.overlay.* its unprivileged form,
// security.selinux and the like belong to the machine the image was made on.
bool is_allowed_xattr(std::string_view name) {
  return name == "security.capability" || (name.starts_with("user.") && !name.starts_with("user.overlay."));
}

}  // namespace

Result<std::string> clean_path(std::string_view name, const Limits& limits) {
  if (name.size() > limits.path_bytes)
    return error("name too long in the archive", name.substr(0, 64), {}, ENAMETOOLONG);
  std::string path;
  int components = 0;
  while (!name.empty()) {
    const size_t slash = name.find('/');
    std::string_view component = name.substr(0, slash);
    name.remove_prefix(slash == name.npos ? name.size() : slash + 1);
    if (component.empty() || component == ".") continue;
    if (component == "..")
      return error("name with \"..\" in the archive", path, "the archive is malicious or damaged", EBADMSG);
    if (component.size() > kLongestComponent || ++components > kMostComponents)
      return error("name too long in the archive", component.substr(0, 64), {}, ENAMETOOLONG);
    if (!path.empty()) path += '/';
    path += component;
  }
  return path;
}

ArchiveReader::ArchiveReader(PieceSource& stream, const Limits& limits) : stream_(stream), limits_(limits) {}

ArchiveReader::~ArchiveReader() {
  if (archive_ != nullptr) archive_read_free(archive_);
}

ssize_t ArchiveReader::read_stream(archive* a, void* context, const void** data) {
  auto* self = static_cast<ArchiveReader*>(context);
  auto size = self->stream_.next(data);
  if (!size) {
    self->stream_failure_ = size.error();
    self->stream_failed_ = true;
    archive_set_error(a, EIO, "%s", size.error().message().c_str());
    return -1;
  }
  self->stream_ended_ = *size == 0;
  return static_cast<ssize_t>(*size);
}

std::unexpected<Error> ArchiveReader::failure(std::string_view what) const {
  if (stream_failed_) return std::unexpected(stream_failure_);
  const char* text = archive_error_string(archive_);
  return error(what, {}, text != nullptr ? text : "it is damaged", EBADMSG);
}

Result<void> ArchiveReader::open() {
  archive_ = archive_read_new();
  if (archive_ == nullptr) return error("cannot read the archive", {}, {}, ENOMEM);
  archive_read_support_format_tar(archive_);
  archive_read_support_format_empty(archive_);
  if (archive_read_open(archive_, this, nullptr, read_stream, nullptr) != ARCHIVE_OK)
    return failure("not a tar archive");
  return {};
}

Result<bool> ArchiveReader::next(Entry& entry) {
  if (finished_) return false;
  archive_entry* raw = nullptr;
  const int status = archive_read_next_header(archive_, &raw);
  if (status == ARCHIVE_EOF) return false;
  if (status < ARCHIVE_WARN) return failure(entries_ == 0 ? "not a tar archive" : "damaged archive");
  if (++entries_ > limits_.entries)
    return error("too many entries in the archive", {}, "raise the limit entries if it is what it should be",
                 EFBIG);
  entry = Entry();
  const char* name = archive_entry_pathname(raw);
  if (name == nullptr) return error("name not understood in the archive", {}, "it is not UTF-8", EILSEQ);
  if (status == ARCHIVE_WARN)
    if (const char* text = archive_error_string(archive_); text && std::strstr(text, "can't be converted"))
      return error("name not understood in the archive", name, "it is not UTF-8", EILSEQ);
  RCRT_ASSIGN(entry.path, clean_path(name, limits_));

  const auto uid = archive_entry_uid(raw), gid = archive_entry_gid(raw);
  constexpr int64_t kHighest = std::numeric_limits<uint32_t>::max() - 1ll;  // -1 means "leave it"
  if (uid < 0 || uid > kHighest || gid < 0 || gid > kHighest)
    return error("owner out of range in the archive", entry.path, {}, ERANGE);
  entry.uid = static_cast<uid_t>(uid);
  entry.gid = static_cast<gid_t>(gid);
  entry.mode = archive_entry_perm(raw) & 07777;
  entry.mtime = {archive_entry_mtime(raw), archive_entry_mtime_nsec(raw)};
  if (entry.mtime.tv_nsec < 0 || entry.mtime.tv_nsec > 999'999'999) entry.mtime.tv_nsec = 0;

  if (const char* target = archive_entry_hardlink(raw)) {
    RCRT_ASSIGN(entry.target, clean_path(target, limits_));
    return true;
  }
  entry.type = archive_entry_filetype(raw);
  if (entry.type == S_IFLNK) {
    const char* target = archive_entry_symlink(raw);
    entry.target = target != nullptr ? target : "";
    if (entry.target.empty() || entry.target.size() > limits_.path_bytes)
      return error("symbolic link to nowhere or too far in the archive", entry.path, {}, EBADMSG);
  }
  if (entry.type == S_IFCHR || entry.type == S_IFBLK)
    entry.device = makedev(static_cast<unsigned>(archive_entry_rdevmajor(raw)),
                           static_cast<unsigned>(archive_entry_rdevminor(raw)));
  if (entry.type == S_IFREG) {
    const int64_t size = archive_entry_size(raw);
    if (size < 0 || static_cast<uint64_t>(size) > limits_.file_bytes)
      return error("file too large in the archive", entry.path,
                   "raise the limit file_bytes if it is what it should be", EFBIG);
    entry.size = static_cast<uint64_t>(size);
  }
  size_ = entry.size;
  end_ = 0;
  uint64_t xattr_bytes = 0;
  archive_entry_xattr_reset(raw);
  const char* xattr = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (archive_entry_xattr_next(raw, &xattr, &value, &size) == ARCHIVE_OK) {
    if (xattr == nullptr) continue;
    xattr_bytes += std::strlen(xattr) + size;
    if (xattr_bytes > limits_.xattr_bytes)
      return error("too many extended attributes in the archive", entry.path, {}, EFBIG);
    if (is_allowed_xattr(xattr))
      entry.xattrs.emplace_back(xattr, std::string(static_cast<const char*>(value), size));
  }
  return true;
}

Result<bool> ArchiveReader::data(const void** data, size_t* size, uint64_t* offset) {
  la_int64_t at = 0;
  const int status = archive_read_data_block(archive_, data, size, &at);
  if (status == ARCHIVE_EOF) return false;
  if (status < ARCHIVE_WARN) {
    finished_ = stream_ended_ && !stream_failed_ && end_ == size_;
    if (finished_) return false;
    return failure("damaged archive");
  }
  if (at < 0 || static_cast<uint64_t>(at) + *size > limits_.file_bytes)
    return error("file too large in the archive", {}, "raise the limit file_bytes", EFBIG);
  *offset = static_cast<uint64_t>(at);
  end_ = *offset + *size;
  return true;
}

}  // namespace rcrt::image_oci
