// SPDX-License-Identifier: MIT
#include "archive_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <vector>

#include "files.h"

namespace rcrt::oci {
namespace {

std::unexpected<Error> archive_failure(archive* a, const char* what) {
  const char* text = ::archive_error_string(a);
  int code = ::archive_errno(a);
  return std::unexpected(Error{what, {}, code > 0 && code < 200 ? code : 0, {}, text ? text : "", 125});
}

}  // namespace

void ArchiveFree::operator()(archive* a) const { ::archive_free(a); }

Utf8Names::Utf8Names() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), before_(nullptr) {
  if (locale_) before_ = ::uselocale(static_cast<locale_t>(locale_));
}
Utf8Names::~Utf8Names() {
  if (!locale_) return;
  ::uselocale(static_cast<locale_t>(before_));
  ::freelocale(static_cast<locale_t>(locale_));
}

Result<std::string> decompress(int from, int to, const Limits& limits, uint64_t* written) {
  ReadHandle handle(::archive_read_new());
  archive* a = handle.get();
  if (!a) return error("out of memory", {}, {}, ENOMEM);
  ::archive_read_support_filter_all(a);
  ::archive_read_support_format_raw(a);
  archive_entry* entry;
  if (::archive_read_open_fd(a, from, 1 << 20) != ARCHIVE_OK ||
      ::archive_read_next_header(a, &entry) != ARCHIVE_OK)
    return archive_failure(a, "cannot read the archive");
  Sha256 hash;
  std::vector<char> buffer(1 << 20);
  *written = 0;
  for (;;) {
    la_ssize_t got = ::archive_read_data(a, buffer.data(), buffer.size());
    if (got == ARCHIVE_RETRY) continue;
    if (got < 0) return archive_failure(a, "cannot decompress the archive");
    if (got == 0) break;
    *written += static_cast<uint64_t>(got);
    auto read = static_cast<uint64_t>(::archive_filter_bytes(a, -1));
    if (*written > limits.size || (*written > limits.ratio_from && *written / limits.ratio > read))
      return error("the archive unpacks to more than the limits allow", {}, "raise the limit if you trust it",
                   EFBIG);
    hash.update(buffer.data(), static_cast<size_t>(got));
    RCRT_TRY(write_all(to, buffer.data(), static_cast<size_t>(got)));
  }
  return hash.hex();
}

Result<ArchiveReader> ArchiveReader::open(int fd) {
  ReadHandle handle(::archive_read_new());
  archive* a = handle.get();
  if (!a) return error("out of memory", {}, {}, ENOMEM);
  ::archive_read_support_format_tar(a);
  if (::archive_read_open_fd(a, fd, 1 << 20) != ARCHIVE_OK)
    return archive_failure(a, "this is no tar archive");
  return ArchiveReader(std::move(handle));
}

Result<archive_entry*> ArchiveReader::next() {
  archive_entry* entry = nullptr;
  int code = ::archive_read_next_header(handle_.get(), &entry);
  if (code == ARCHIVE_EOF) return nullptr;
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
    return archive_failure(handle_.get(), "cannot read the tar archive");
  return entry;
}

Result<bool> ArchiveReader::data(const void** bytes, size_t* size, int64_t* offset) {
  int code = ::archive_read_data_block(handle_.get(), bytes, size, offset);
  if (code == ARCHIVE_EOF) return false;
  if (code != ARCHIVE_OK) return archive_failure(handle_.get(), "cannot read the tar archive");
  return true;
}

}  // namespace rcrt::oci
