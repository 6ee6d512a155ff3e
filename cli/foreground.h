// SPDX-License-Identifier: MIT
// Staying with a container that this process has started.
#pragma once

#include "cli/command.h"

namespace rcrt::cli {

// Until the container has ended, which is then cleaned up; its exit code. With `proxy` signals to us
// are signals to it.
Result<int> stay_with(Context& context, Running& running, bool proxy = true);

}  // namespace rcrt::cli
