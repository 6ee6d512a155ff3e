// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/image-oci/credentials.h"
#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

constexpr size_t kLargestFile = 4 << 20;

// The text of a file; empty when there is none.
Result<std::string> read_text(const std::string& file) {
  UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return std::string();
  if (!fd) return errno_error("cannot open credentials file", file);
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return errno_error("cannot stat credentials file", file);
  if (!S_ISREG(info.st_mode)) return error("not a regular file", file, {}, EBADMSG);
  if (static_cast<uint64_t>(info.st_size) > kLargestFile) return error("too large", file, {}, EFBIG);
  std::string text(static_cast<size_t>(info.st_size), '\0');
  RCRT_ASSIGN(const size_t size, read_full(fd.get(), text.data(), text.size()));
  text.resize(size);
  return text;
}

// A link is written through: what it leads to is replaced, not the link.
Result<void> write_text(std::string file, const std::string& text) {
  char real[PATH_MAX];
  if (realpath(file.c_str(), real) != nullptr) file = real;
  const std::string temporary = file + ".rcrt-new";
  unlink(temporary.c_str());
  UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return errno_error("cannot create", temporary);
  auto written = write_full(fd.get(), text.data(), text.size());
  struct stat old{};
  if (written && stat(file.c_str(), &old) == 0 && fchown(fd.get(), old.st_uid, old.st_gid) != 0)
    written = errno_error("cannot keep the owner of", file);
  if (written && fsync(fd.get()) != 0) written = errno_error("cannot sync", temporary);
  if (written && rename(temporary.c_str(), file.c_str()) != 0) written = errno_error("cannot replace", file);
  if (!written) unlink(temporary.c_str());
  return written;
}

Result<void> make_parents(const std::string& file) {
  for (size_t slash = file.find('/', 1); slash != file.npos; slash = file.find('/', slash + 1))
    if (mkdir(file.substr(0, slash).c_str(), 0700) != 0 && errno != EEXIST)
      return errno_error("cannot make directory", file.substr(0, slash));
  return {};
}

}  // namespace

Result<std::optional<Credentials>> find_credentials(const std::vector<std::string>& files,
                                                    const std::string& registry,
                                                    const std::string& repository) {
  for (const std::string& file : files) {
    RCRT_ASSIGN(const std::string text, read_text(file));
    RCRT_ASSIGN(auto found, credentials_in(text, file, registry, repository));
    if (found) return found;
  }
  return std::optional<Credentials>();
}

Result<void> store_credentials(const std::string& file, const std::string& registry,
                               const Credentials& credentials) {
  RCRT_TRY(make_parents(file));
  RCRT_ASSIGN(const std::string text, read_text(file));
  bool changed = false;
  RCRT_ASSIGN(const std::string next, with_credentials(text, file, registry, &credentials, &changed));
  return write_text(file, next);
}

Result<bool> remove_credentials(const std::vector<std::string>& files, const std::string& registry) {
  bool any = false;
  for (const std::string& file : files) {
    RCRT_ASSIGN(const std::string text, read_text(file));
    if (text.empty()) continue;
    bool changed = false;
    RCRT_ASSIGN(const std::string next, with_credentials(text, file, registry, nullptr, &changed));
    if (!changed) continue;
    RCRT_TRY(write_text(file, next));
    any = true;
  }
  return any;
}

}  // namespace rcrt::image_oci
