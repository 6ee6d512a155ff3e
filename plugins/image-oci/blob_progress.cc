// SPDX-License-Identifier: MIT
#include "plugins/image-oci/blob_progress.h"

#include <algorithm>

#include "plugins/image-oci/layer_intake.h"
#include "plugins/image-oci/workers.h"

namespace rcrt::image_oci {
namespace {

const char* name_of(BlobState state) {
  switch (state) {
    case BlobState::queued:
      return "queued";
    case BlobState::present:
      return "present";
    case BlobState::waiting:
      return "waiting";
    case BlobState::downloading:
      return "downloading";
    case BlobState::retrying:
      return "retrying";
    case BlobState::unpacking:
      return "unpacking";
    case BlobState::done:
      return "done";
    case BlobState::uploading:
      return "uploading";
    case BlobState::mounted:
      return "mounted";
    case BlobState::saving:
      return "saving";
  }
  return "";
}

}  // namespace

BlobProgress& ProgressBoard::add(const std::string& digest, uint64_t total) {
  const std::lock_guard held(mutex_);
  return blobs_.emplace_back(digest, total);
}

void ProgressBoard::clear() {
  const std::lock_guard held(mutex_);
  blobs_.clear();
}

Result<void> ProgressBoard::report_beside(const std::function<Result<void>()>& work) {
  return sink_ ? run_workers(1, work, [this] { report(); }) : work();
}

void ProgressBoard::report() {
  if (!sink_) return;
  const std::lock_guard held(mutex_);
  for (BlobProgress& blob : blobs_) {
    const BlobState state = blob.state;
    if (const LayerIntake* layer = blob.layer; layer != nullptr && state == BlobState::unpacking)
      blob.current = layer->unpacked();
    const uint64_t current = std::min<uint64_t>(blob.current, blob.total);
    if (blob.told && state == blob.told_state && current == blob.told_current) continue;
    blob.told = true;
    blob.told_state = state;
    blob.told_current = current;
    sink_({{"event", "blob"},
           {"digest", blob.digest},
           {"state", name_of(state)},
           {"current", current},
           {"total", blob.total}});
  }
}

}  // namespace rcrt::image_oci
