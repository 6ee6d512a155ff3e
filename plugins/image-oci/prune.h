// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <set>

#include "store_writer.h"

namespace rcrt::oci {

// Deletes blobs and layers no image of the index refers to, but for the layers in `keep` (hex).
// Gives the bytes of the blobs deleted. Deletes nothing when an image cannot be read.
Result<uint64_t> prune(StoreWriter& store, std::set<std::string> keep);

// The hex diff-ids of the image with exactly this name, lowest layer first.
Result<std::vector<std::string>> layers_of(const StoreWriter& store, const std::string& name);

}  // namespace rcrt::oci
