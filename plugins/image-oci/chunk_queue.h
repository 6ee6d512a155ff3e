// SPDX-License-Identifier: MIT
// Buffers handed from one thread to another, a fixed number of them: who is faster waits.
#pragma once

#include <array>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "base/result.h"

namespace rcrt::image_oci {

class ChunkQueue {
 public:
  static constexpr size_t kChunk = 256 << 10;

  ChunkQueue() {
    for (auto& slot : slots_) slot.data.resize(kChunk);
  }

  // The filling side: a buffer of kChunk bytes, nullptr when nobody reads any more.
  char* space() {
    std::unique_lock held(mutex_);
    changed_.wait(held, [&] { return filled_ < kSlots || cancelled_; });
    return cancelled_ ? nullptr : slots_[(first_ + filled_) % kSlots].data.data();
  }
  void filled(size_t size) {
    const std::lock_guard held(mutex_);
    slots_[(first_ + filled_) % kSlots].size = size;
    ++filled_;
    changed_.notify_all();
  }
  // Nothing more comes, or this error in its place.
  void end(std::optional<Error> failure = {}) {
    const std::lock_guard held(mutex_);
    ended_ = true;
    failure_ = std::move(failure);
    changed_.notify_all();
  }

  // The emptying side: the next buffer, valid until the next call; 0 at the end.
  Result<size_t> next(const void** data) {
    std::unique_lock held(mutex_);
    if (taken_) {
      taken_ = false;
      first_ = (first_ + 1) % kSlots;
      --filled_;
      changed_.notify_all();
    }
    changed_.wait(held, [&] { return filled_ > 0 || ended_; });
    if (filled_ == 0) {
      if (failure_) return std::unexpected(*failure_);
      return 0;
    }
    taken_ = true;
    *data = slots_[first_].data.data();
    return slots_[first_].size;
  }
  void cancel() {
    const std::lock_guard held(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }

 private:
  static constexpr size_t kSlots = 4;
  struct Slot {
    std::vector<char> data;
    size_t size = 0;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<Slot, kSlots> slots_;
  size_t first_ = 0, filled_ = 0;
  bool taken_ = false, ended_ = false, cancelled_ = false;
  std::optional<Error> failure_;
};

}  // namespace rcrt::image_oci
