// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "base/result.h"

namespace rcrt::image_oci {

// Runs `work` in `count` threads, which end before this returns, and `meanwhile` in this one
// ten times a second. No signal is delivered to the threads. The first failure is returned.
Result<void> run_workers(int count, const std::function<Result<void>()>& work,
                         const std::function<void()>& meanwhile);

// Runs `work` in one further thread beside `here`, which runs in this one.
void run_beside(const std::function<void()>& work, const std::function<void()>& here);

}  // namespace rcrt::image_oci
