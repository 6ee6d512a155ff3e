// SPDX-License-Identifier: MIT
#include "plugins/image-oci/blob_progress.h"

#include <algorithm>

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
  }
  return "";
}

}  // namespace

void ProgressBoard::report() {
  if (!sink_) return;
  for (BlobProgress& blob : blobs_) {
    const BlobState state = blob.state;
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
