// SPDX-License-Identifier: MIT
// Ending with an exit code while there is still work to do.
#pragma once

#include <functional>

namespace rcrt::cli {

// Ends this process with `exit_code`; `work` goes on in another, whom nobody waits for. It
// takes over our memory instead of copying it, which fork(2) and the end of a process would
// spend half a millisecond on. Returns only where that fails; then nothing was done.
void exit_and_go_on(int exit_code, const std::function<void()>& work);

}  // namespace rcrt::cli
