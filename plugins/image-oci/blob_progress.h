// SPDX-License-Identifier: MIT
// How the blobs of a pull, push, load or save get on: written by its threads, reported by the one
// that was called.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "base/oci_layout.h"
#include "base/result.h"

namespace rcrt::image_oci {

class LayerIntake;

enum class BlobState {
  queued,
  present,
  waiting,
  downloading,
  retrying,
  unpacking,
  done,
  uploading,
  mounted,
  saving
};

struct BlobProgress {
  std::string digest;
  uint64_t total = 0;
  std::atomic<BlobState> state = BlobState::queued;
  std::atomic<uint64_t> current = 0;
  // Whose unpacking is told while there is nothing else to tell. Not looked at after done.
  std::atomic<const LayerIntake*> layer = nullptr;

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
  BlobProgress& add(const std::string& digest, uint64_t total);
  void clear();
  // Tells what is new since the last time.
  void report();
  // Runs `work` in a thread of its own, and reports meanwhile. Where nobody listens, here.
  Result<void> report_beside(const std::function<Result<void>()>& work);
  void text(const std::string& line) {
    if (sink_) sink_({{"event", "text"}, {"text", line}});
  }

 private:
  const ProgressSink& sink_;
  std::mutex mutex_;
  std::deque<BlobProgress> blobs_;
};

}  // namespace rcrt::image_oci
