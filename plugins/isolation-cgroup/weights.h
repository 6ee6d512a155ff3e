// SPDX-License-Identifier: MIT
// Weights of cgroup v1 as those of v2.
#pragma once

#include <cstdint>

namespace rcrt::cgroup {

// cpu.shares (2..262144) as cpu.weight (1..10000).
uint64_t weight_of_shares(uint64_t shares);
// blkio weight (10..1000) as io.weight (1..10000).
uint64_t io_weight_of_blkio(uint64_t weight);

}  // namespace rcrt::cgroup
