// SPDX-License-Identifier: MIT
// How the blobs of a pull or push get on: written by its threads, reported by the one that
// was called.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "base/oci_layout.h"

namespace rcrt::image_oci {

enum class BlobState { queued, present, waiting, downloading, retrying, unpacking, done, uploading, mounted };

struct BlobProgress {
  std::string digest;
  uint64_t total = 0;
  std::atomic<BlobState> state = BlobState::queued;
  std::atomic<uint64_t> current = 0;

  BlobProgress(std::string digest, uint64_t total) : digest(std::move(digest)), total(total) {}

  // What was told last; the reporter's own.
  BlobState told_state = BlobState::queued;
  uint64_t told_current = 0;
  bool told = false;
};

using ProgressSink = std::function<void(const Json& event)>;

class ProgressBoard {
 public:
  explicit ProgressBoard(const ProgressSink& sink) : sink_(sink) {}
  BlobProgress& add(const std::string& digest, uint64_t total) { return blobs_.emplace_back(digest, total); }
  void clear() { blobs_.clear(); }
  // Tells what is new since the last time.
  void report();
  void text(const std::string& line) {
    if (sink_) sink_({{"event", "text"}, {"text", line}});
  }

 private:
  const ProgressSink& sink_;
  std::deque<BlobProgress> blobs_;
};

}  // namespace rcrt::image_oci
