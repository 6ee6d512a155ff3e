// SPDX-License-Identifier: MIT
// How much an archive may ask for. Generous for real images; each is a member of the
// request's "limits".
#pragma once

#include <cstdint>

namespace rcrt::image_oci {

struct Limits {
  uint64_t entries = 4'000'000;
  uint64_t path_bytes = 4095;         // of one name or link target
  uint64_t file_bytes = 1ull << 40;   // of one file, holes included
  uint64_t total_bytes = 1ull << 40;  // of the layer, uncompressed
  uint64_t ratio = 200;               // uncompressed to compressed, beyond ratio_free_bytes
  uint64_t ratio_free_bytes = 1ull << 30;
  uint64_t window_bytes = 128 << 20;    // memory zstd may need to decompress
  uint64_t xattr_bytes = 256 << 10;     // of one entry, names and values
  uint64_t directory_bytes = 64 << 20;  // names kept until the end to set directories' times
};

}  // namespace rcrt::image_oci
