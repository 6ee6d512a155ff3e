// SPDX-License-Identifier: MIT
// A blob's file that is read while it is still being written: one thread appends, as fast
// as the bytes come, another reads and waits for them. What has not been read yet lies in
// the file, not in memory.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/result.h"
#include "base/unique_fd.h"
#include "plugins/image-oci/byte_source.h"

namespace rcrt::image_oci {

class BlobFile final : public ByteSource {
 public:
  // `size` bytes are there already; `complete` when nothing more will come.
  BlobFile(UniqueFd fd, uint64_t size, bool complete) : fd_(std::move(fd)), size_(size), ended_(complete) {}

  // The writer's side.
  Result<void> append(const void* data, size_t size);
  void end();
  // The reader gets ECANCELED from now on.
  void abandon();

  // The reader's side. Waits for at least one byte; 0 at the end.
  Result<size_t> read(void* data, size_t size) override;

  uint64_t size() const;
  uint64_t position() const;  // how much has been read
  // Closes the file, and with it gives up the lock on it. Nobody reads or writes any more.
  void close() { fd_.reset(); }

 private:
  UniqueFd fd_;
  mutable std::mutex mutex_;
  std::condition_variable more_;
  uint64_t size_, position_ = 0;
  bool ended_, abandoned_ = false;
};

}  // namespace rcrt::image_oci
