// SPDX-License-Identifier: MIT
#pragma once

namespace rcrt::cli {

// From now on each step is a line on standard error: how long after this call, how long after the step
// before.
void trace_steps();

}  // namespace rcrt::cli
