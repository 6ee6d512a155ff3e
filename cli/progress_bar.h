// SPDX-License-Identifier: MIT
// One line of a long call's progress, as text.
#pragma once

#include <cstdint>
#include <string>

namespace rcrt::cli {

struct BlobView {
  std::string digest, state;  // as in the events of include/rcrt/image.h
  uint64_t current = 0, total = 0;
  double rate = 0;  // bytes a second, 0 when not known
};

// "0123456789ab [=====>      ] 12.3MB/45.6MB 5.1MB/s 7s", at most `columns` wide.
std::string bar_line(const BlobView& blob, unsigned columns);
// "0123456789ab: done (45.6MB)".
std::string plain_line(const BlobView& blob);
// "7s", "3m10s", "2h05m".
std::string time_left(double seconds);

}  // namespace rcrt::cli
