// SPDX-License-Identifier: MIT
// A client attached to its container: forwards signals, carries a terminal, and brings
// home the exit code.
#pragma once

#include "core/engine.h"

namespace rcrt::cli {

// Blocks the signals a client forwards, so that none is lost between the start of the
// container and attach(). With `proxy` false it forwards none.
void hold_signals(bool proxy = true);
// They are for us again; those that nobody has forwarded are forgotten.
void release_signals(bool proxy = true);

// Until the container has ended.
Result<ExitRecord> attach(Running& running, bool proxy = true);

}  // namespace rcrt::cli
