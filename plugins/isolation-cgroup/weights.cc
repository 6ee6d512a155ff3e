// SPDX-License-Identifier: MIT
#include "weights.h"

namespace rcrt::cgroup {
namespace {

// Of the mathematics library, which would cost every container 60 us to load.
double log2_of(double x) {
  double result = 0;
  while (x >= 2) {
    x /= 2;
    ++result;
  }
  double bit = 1;
  for (int digit = 0; digit < 49; ++digit) {
    bit /= 2;
    x *= x;
    if (x < 2) continue;
    x /= 2;
    result += bit;
  }
  return result;
}

double power_of_10(double x) {  // 0 <= x <= 4
  double result = 1;
  while (x >= 1) {
    --x;
    result *= 10;
  }
  const double exponent = x * 2.302585092994046;
  double sum = 1, term = 1;
  for (int n = 1; n < 40; ++n) sum += term *= exponent / n;
  return result * sum;
}

}  // namespace

// The curve runc and crun use since 2025: 2, 1024 and 262144 shares become 1, 100 and
// 10000, so that the default of v1 is the default of v2. The straight line used before
// made 1024 shares a weight of 39.
uint64_t weight_of_shares(uint64_t shares) {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  double l = log2_of(static_cast<double>(shares));
  double weight = power_of_10((l * l + 125 * l) / 612 - 7.0 / 34);
  auto floor = static_cast<uint64_t>(weight);
  return weight - static_cast<double>(floor) > 1e-9 ? floor + 1 : floor;
}

uint64_t io_weight_of_blkio(uint64_t weight) { return 1 + (weight - 10) * 9999 / 990; }

}  // namespace rcrt::cgroup
