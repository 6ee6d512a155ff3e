// SPDX-License-Identifier: MIT
#include "plugins/image-oci/output_files.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string_view text) : text_(text) {}
  Result<size_t> read(void* data, size_t size) override {
    size = std::min(size, text_.size());
    std::memcpy(data, text_.data(), size);
    text_.remove_prefix(size);
    return size;
  }

 private:
  std::string_view text_;
};

// Gives `take` all of the source, which must be of the size.
template <typename Take>
Result<void> copy(ByteSource& source, uint64_t size, const std::string& path, Take take) {
  std::vector<char> buffer(256 << 10);
  uint64_t left = size;
  while (true) {
    RCRT_ASSIGN(const size_t got, source.read(buffer.data(), buffer.size()));
    if (got > left || (got == 0 && left > 0)) return error("wrong size of", path, {}, EBADMSG);
    if (got == 0) return {};
    RCRT_TRY(take(buffer.data(), got));
    left -= got;
  }
}

class TarOutput final : public OutputFiles {
 public:
  ~TarOutput() override {
    if (archive_ == nullptr) return;
    archive_write_fail(archive_);
    archive_write_free(archive_);
  }
  Result<void> open(int out) {
    archive_ = archive_write_new();
    if (archive_ == nullptr) return error("cannot write the archive", {}, {}, ENOMEM);
    archive_write_set_format_pax_restricted(archive_);
    archive_write_set_bytes_per_block(archive_, 256 << 10);
    archive_write_set_bytes_in_last_block(archive_, 1);
    if (archive_write_open_fd(archive_, out) != ARCHIVE_OK) return failure();
    return {};
  }
  bool has(const std::string& path) const override { return there_.contains(path); }
  Result<void> add(const std::string& path, uint64_t size, ByteSource& source) override {
    for (size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
      if (const std::string folder = path.substr(0, slash + 1); there_.insert(folder).second)
        RCRT_TRY(header(folder, AE_IFDIR, 0755, 0));
    there_.insert(path);
    RCRT_TRY(header(path, AE_IFREG, 0644, size));
    return copy(source, size, path, [&](const char* data, size_t got) -> Result<void> {
      if (archive_write_data(archive_, data, got) != static_cast<la_ssize_t>(got)) return failure();
      return {};
    });
  }
  Result<void> finish() override {
    if (archive_write_close(archive_) != ARCHIVE_OK) return failure();
    return {};
  }

 private:
  Result<void> header(const std::string& path, unsigned type, mode_t mode, uint64_t size) {
    std::unique_ptr<archive_entry, decltype([](archive_entry* e) { archive_entry_free(e); })> entry(
        archive_entry_new());
    if (!entry) return error("cannot write the archive", {}, {}, ENOMEM);
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_filetype(entry.get(), type);
    archive_entry_set_perm(entry.get(), mode);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
    archive_entry_set_mtime(entry.get(), 0, 0);
    if (archive_write_header(archive_, entry.get()) != ARCHIVE_OK) return failure();
    return {};
  }
  std::unexpected<Error> failure() const {
    return error("cannot write the archive", {}, {},
                 archive_errno(archive_) > 0 ? archive_errno(archive_) : EIO);
  }

  archive* archive_ = nullptr;
  std::set<std::string> there_;
};

class FolderOutput final : public OutputFiles {
 public:
  explicit FolderOutput(UniqueFd fd) : fd_(std::move(fd)) {}

  bool has(const std::string& path) const override {
    return faccessat(fd_.get(), path.c_str(), F_OK, 0) == 0;
  }
  Result<void> add(const std::string& path, uint64_t size, ByteSource& source) override {
    for (size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
      if (mkdirat(fd_.get(), path.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST)
        return errno_error("cannot make folder", path.substr(0, slash));
    const std::string temporary = path + ".new";
    UniqueFd file(
        openat(fd_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file) return errno_error("cannot create", temporary);
    auto written = copy(source, size, path,
                        [&](const char* data, size_t got) { return write_full(file.get(), data, got); });
    if (written && renameat(fd_.get(), temporary.c_str(), fd_.get(), path.c_str()) != 0)
      written = errno_error("cannot rename", temporary);
    if (!written) unlinkat(fd_.get(), temporary.c_str(), 0);
    return written;
  }
  Result<void> finish() override {
    if (syncfs(fd_.get()) != 0) return errno_error("cannot sync the folder");
    return {};
  }

 private:
  UniqueFd fd_;
};

}  // namespace

Result<void> OutputFiles::add_text(const std::string& path, std::string_view text) {
  TextSource source(text);
  return add(path, text.size(), source);
}

Result<std::unique_ptr<OutputFiles>> tar_output(int out) {
  auto output = std::make_unique<TarOutput>();
  RCRT_TRY(output->open(out));
  return output;
}

Result<std::unique_ptr<OutputFiles>> folder_output(const std::string& path) {
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return errno_error("cannot make folder", path);
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_error("cannot open folder", path);
  return std::make_unique<FolderOutput>(std::move(fd));
}

}  // namespace rcrt::image_oci
