// SPDX-License-Identifier: MIT
// Staying with a container that this process has started.
#pragma once

#include "cli/command.h"

namespace rcrt::cli {

// Signals to us end us until the container's command is executed; from then on they are held for
// stay_with(), unless it could not be executed. Before the engine starts it.
void hand_over_signals(Engine& engine, bool proxy);

// Until the container has ended, which is then cleaned up; its exit code. With `proxy` signals to us
// are signals to it.
Result<int> stay_with(Context& context, Running& running, bool proxy = true);

}  // namespace rcrt::cli
