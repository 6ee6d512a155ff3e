// SPDX-License-Identifier: MIT
// What a layer may be at most. A request changes them by its "limits" object.
#pragma once

#include <cstdint>

namespace rcrt::oci {

struct Limits {
  uint64_t entries = 4'000'000;
  uint64_t name_length = 4096;                // of a path or a link's target
  uint64_t size = uint64_t{1} << 40;          // bytes unpacked, holes counted
  uint64_t ratio = 1000;                      // bytes unpacked for each byte of the archive ...
  uint64_t ratio_from = uint64_t{256} << 20;  // ... once there are this many
  uint64_t xattrs = 256 << 10;                // bytes of names and values of one file
};

}  // namespace rcrt::oci
