// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "base/oci_layout.h"
#include "base/result.h"
#include "plugins/image-oci/blob_progress.h"
#include "plugins/image-oci/registry.h"

namespace rcrt::image_oci {

// Brings a blob to a registry unless it has it: taken over from one of `elsewhere`, other
// repositories of the same registry, or uploaded from `fd`, in pieces of `chunk` bytes when
// it is larger.
Result<void> upload_blob(HttpClient& http, Registry& registry, const Descriptor& blob, int fd,
                         const std::vector<std::string>& elsewhere, uint64_t chunk, BlobProgress& progress);

}  // namespace rcrt::image_oci
