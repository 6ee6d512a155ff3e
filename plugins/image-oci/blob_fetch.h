// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <vector>

#include "base/oci_layout.h"
#include "base/result.h"
#include "plugins/image-oci/blob_progress.h"
#include "plugins/image-oci/registry.h"

namespace rcrt::image_oci {

// Fetches a blob from byte `have` on, from the first of the registries that has it, and
// goes on where it was when a connection breaks. An error of `write` ends it. Never passes
// on more than the descriptor's size; whether the content is right is for the taker to find out.
Result<void> fetch_blob(HttpClient& http, const std::vector<Registry*>& registries, const Descriptor& blob,
                        uint64_t have, BlobProgress& progress,
                        const std::function<Result<void>(const char* data, size_t size)>& write);

}  // namespace rcrt::image_oci
