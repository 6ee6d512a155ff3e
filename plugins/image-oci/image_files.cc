// SPDX-License-Identifier: MIT
#include "plugins/image-oci/image_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "base/oci_store.h"
#include "plugins/image-oci/archive_reader.h"
#include "plugins/image-oci/decompress.h"
#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

constexpr uint64_t kMostFiles = 100'000;
constexpr int kMostLinks = 8;

Result<uint64_t> size_of(int fd, const std::string& path) {
  struct stat info{};
  if (fstat(fd, &info) != 0) return errno_error("cannot stat", path);
  return static_cast<uint64_t>(info.st_size);
}

// All of a regular file, from where an interrupted attempt has left off.
Result<void> feed_file(int fd, const std::string& path, LayerIntake& layer) {
  struct stat info{};
  if (fstat(fd, &info) != 0) return errno_error("cannot stat", path);
  if (!S_ISREG(info.st_mode)) return error("not a regular file", path, {}, EBADMSG);
  if (lseek(fd, static_cast<off_t>(layer.offset()), SEEK_SET) < 0) return errno_error("cannot read", path);
  std::vector<char> buffer(1 << 20);
  while (true) {
    RCRT_ASSIGN(const size_t size, read_full(fd, buffer.data(), buffer.size()));
    if (size == 0) return layer.end();
    RCRT_TRY(layer.write(buffer.data(), size));
  }
}

class Folder final : public ImageFiles {
 public:
  explicit Folder(UniqueFd fd) : fd_(std::move(fd)) {}

  bool has(const std::string& path) const override {
    return open_in_root(fd_.get(), path, O_PATH).has_value();
  }
  Result<std::string> read(const std::string& path) const override {
    // Not O_NOFOLLOW: links inside the folder are as good as files.
    RCRT_ASSIGN(const UniqueFd file, open_in_root(fd_.get(), path, O_RDONLY | O_NONBLOCK));
    return read_small_file(file.get(), path, kLargestDocument);
  }
  Result<uint64_t> size(const std::string& path) const override {
    RCRT_ASSIGN(const UniqueFd file, open_in_root(fd_.get(), path, O_PATH));
    return size_of(file.get(), path);
  }
  Result<std::string> identity(const std::string& path) const override {
    RCRT_ASSIGN(const UniqueFd file, open_in_root(fd_.get(), path, O_PATH));
    struct stat info{};
    if (fstat(file.get(), &info) != 0) return errno_error("cannot stat", path);
    return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
  }
  Result<void> feed(const std::string& path, LayerIntake& layer) const override {
    RCRT_ASSIGN(const UniqueFd file, open_in_root(fd_.get(), path, O_RDONLY | O_NONBLOCK));
    return feed_file(file.get(), path, layer);
  }

 private:
  UniqueFd fd_;
};

// What an archive read through decompression gives the tar reader.
class Pieces final : public PieceSource {
 public:
  explicit Pieces(ByteSource& plain) : plain_(plain), buffer_(256 << 10) {}
  Result<size_t> next(const void** data) override {
    *data = buffer_.data();
    return plain_.read(buffer_.data(), buffer_.size());
  }

 private:
  ByteSource& plain_;
  std::vector<char> buffer_;
};

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "" : path.substr(0, slash);
}

// A symbolic link's text, seen from the archive's root; nothing when it leads out of it.
std::optional<std::string> resolve_link(const std::string& folder, std::string_view text) {
  std::string path = text.starts_with('/') ? "" : folder;
  while (!text.empty()) {
    const size_t slash = text.find('/');
    const std::string_view part = text.substr(0, slash);
    text.remove_prefix(slash == text.npos ? text.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (path.empty()) return {};
      path = folder_of(path);
    } else {
      path += (path.empty() ? "" : "/") + std::string(part);
    }
  }
  return path;
}

class Staged final : public ImageFiles {
 public:
  static Result<std::unique_ptr<ImageFiles>> make(const Store& store, int source, const Limits& limits) {
    RCRT_ASSIGN(Workspace workspace, Workspace::make(store));
    std::unique_ptr<Staged> staged(new Staged(std::move(workspace)));
    FdSource file(source);
    Input input(file);
    RCRT_ASSIGN(const std::string_view beginning, input.peek(8));
    RCRT_ASSIGN(const auto plain, decompress(input, compression_of(beginning), limits));
    Pieces pieces(*plain);
    ArchiveReader reader(pieces, limits);
    RCRT_TRY(reader.open());
    Entry entry;
    while (true) {
      RCRT_ASSIGN(const bool more, reader.next(entry));
      if (!more) break;
      if (auto taken = staged->take(entry, reader, limits); !taken)
        return in_context(taken.error(), "cannot read from the archive", entry.path);
    }
    return staged;
  }

  bool has(const std::string& path) const override { return find(path).has_value(); }
  Result<std::string> read(const std::string& path) const override {
    RCRT_ASSIGN(const std::string name, find(path));
    RCRT_ASSIGN(const UniqueFd file, open_in_root(workspace_.fd(), name, O_RDONLY | O_NONBLOCK));
    return read_small_file(file.get(), path, kLargestDocument);
  }
  Result<uint64_t> size(const std::string& path) const override {
    RCRT_ASSIGN(const std::string name, find(path));
    RCRT_ASSIGN(const UniqueFd file, open_in_root(workspace_.fd(), name, O_PATH));
    return size_of(file.get(), path);
  }
  Result<std::string> identity(const std::string& path) const override { return find(path); }
  Result<void> feed(const std::string& path, LayerIntake& layer) const override {
    RCRT_ASSIGN(const std::string name, find(path));
    RCRT_ASSIGN(const UniqueFd file, open_in_root(workspace_.fd(), name, O_RDONLY));
    return feed_file(file.get(), path, layer);
  }

 private:
  explicit Staged(Workspace workspace) : workspace_(std::move(workspace)) {}

  Result<void> take(const Entry& entry, ArchiveReader& reader, const Limits& limits) {
    if (entry.path.empty() || entry.type == S_IFDIR) return {};
    if (files_.size() + links_.size() >= kMostFiles) return error("too many files", {}, {}, EFBIG);
    if (files_.contains(entry.path) || links_.contains(entry.path))
      return error("it is there twice", {}, "the archive is ambiguous", EBADMSG);
    if (entry.type == 0) {
      links_[entry.path] = entry.target;
    } else if (entry.type == S_IFLNK) {
      auto target = resolve_link(folder_of(entry.path), entry.target);
      if (target) links_[entry.path] = *target;
    } else if (entry.type == S_IFREG) {
      return take_file(entry, reader, limits);
    }
    return {};
  }

  Result<void> take_file(const Entry& entry, ArchiveReader& reader, const Limits& limits) {
    const std::string name = std::to_string(files_.size());
    UniqueFd fd(
        openat(workspace_.fd(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!fd) return errno_error("cannot create a file in the image store");
    bytes_ += entry.size;
    if (bytes_ > limits.total_bytes)
      return error("archive too large", {}, "raise the limit total_bytes if it is what it should be", EFBIG);
    const void* data = nullptr;
    size_t size = 0;
    uint64_t offset = 0, end = 0;
    while (true) {
      RCRT_ASSIGN(const bool more, reader.data(&data, &size, &offset));
      if (!more) break;
      if (offset != end) return error("a blob with holes", {}, {}, EBADMSG);
      RCRT_TRY(write_full(fd.get(), data, size));
      end = offset + size;
    }
    if (end != entry.size) return error("a blob with holes", {}, {}, EBADMSG);
    files_[entry.path] = name;
    return {};
  }

  // The name in the workspace of what is at `path`.
  Result<std::string> find(const std::string& path) const {
    std::string at = path;
    for (int i = 0; i < kMostLinks; ++i) {
      if (auto file = files_.find(at); file != files_.end()) return file->second;
      auto link = links_.find(at);
      if (link == links_.end()) break;
      at = link->second;
    }
    return error("not in the archive", path, "it is incomplete", ENOENT);
  }

  Workspace workspace_;
  std::map<std::string, std::string> files_, links_;
  uint64_t bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<ImageFiles>> open_folder(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_error("cannot open folder", path);
  return std::make_unique<Folder>(std::move(fd));
}

Result<std::unique_ptr<ImageFiles>> stage_archive(const Store& store, int source, const Limits& limits) {
  return Staged::make(store, source, limits);
}

}  // namespace rcrt::image_oci
