// SPDX-License-Identifier: MIT
#include "plugins/image-oci/blob_file.h"

#include <unistd.h>

#include <algorithm>

namespace rcrt::image_oci {

Result<size_t> FdSource::read(void* data, size_t size) {
  while (true) {
    const ssize_t n = ::read(fd_, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot read the archive");
    return static_cast<size_t>(n);
  }
}

Result<void> BlobFile::append(const void* data, size_t size) {
  const char* from = static_cast<const char*>(data);
  uint64_t at = this->size();
  while (size > 0) {
    const ssize_t n = pwrite(fd_.get(), from, size, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot write a blob to the image store");
    from += n;
    size -= static_cast<size_t>(n);
    at += static_cast<uint64_t>(n);
    {
      const std::lock_guard held(mutex_);
      size_ = at;
    }
    more_.notify_one();
  }
  return {};
}

void BlobFile::end() {
  {
    const std::lock_guard held(mutex_);
    ended_ = true;
  }
  more_.notify_one();
}

void BlobFile::abandon() {
  {
    const std::lock_guard held(mutex_);
    abandoned_ = true;
  }
  more_.notify_one();
}

Result<size_t> BlobFile::read(void* data, size_t size) {
  uint64_t at = 0;
  {
    std::unique_lock held(mutex_);
    more_.wait(held, [&] { return position_ < size_ || ended_ || abandoned_; });
    if (abandoned_) return error("given up", {}, {}, ECANCELED);
    if (position_ == size_) return 0;
    at = position_;
    size = static_cast<size_t>(std::min<uint64_t>(size, size_ - at));
  }
  while (true) {
    const ssize_t n = pread(fd_.get(), data, size, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot read a blob of the image store");
    if (n == 0) return error("a blob of the image store shrank while it was read", {}, {}, EIO);
    const std::lock_guard held(mutex_);
    position_ = at + static_cast<uint64_t>(n);
    return static_cast<size_t>(n);
  }
}

uint64_t BlobFile::size() const {
  const std::lock_guard held(mutex_);
  return size_;
}

uint64_t BlobFile::position() const {
  const std::lock_guard held(mutex_);
  return position_;
}

}  // namespace rcrt::image_oci
