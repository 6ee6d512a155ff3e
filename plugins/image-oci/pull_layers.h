// SPDX-License-Identifier: MIT
// Brings an image a registry has described into the store: several layers at a time, each
// unpacked while it is being downloaded, and each by one process only.
#pragma once

#include <vector>

#include "base/oci_layout.h"
#include "base/result.h"
#include "plugins/image-oci/blob_progress.h"
#include "plugins/image-oci/limits.h"
#include "plugins/image-oci/registry.h"
#include "plugins/image-oci/remote_image.h"
#include "plugins/image-oci/store.h"

namespace rcrt::image_oci {

// The manifest's descriptor. On success all of the image is in the store and on disk, but
// has no name yet. What a failure had downloaded is kept for the next time.
// `registries` are asked for blobs in their order.
Result<Json> pull_layers(const Store& store, const RemoteImage& image,
                         const std::vector<Registry*>& registries, int parallel, const Limits& limits,
                         ProgressBoard& board);

}  // namespace rcrt::image_oci
