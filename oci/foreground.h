// SPDX-License-Identifier: MIT
// A container's process in the foreground: signals to it, its terminal to ours.
#pragma once

#include "core/oci/runtime.h"

namespace rcrt::oci {

// Blocks the signals that are forwarded. Before the process is started: none may be lost.
void hold_signals();

// Until the process has ended; the exit code, 128 and the signal when one ended it.
Result<int> wait_in_foreground(Running& running);
// The same for a container, which is deleted then unless it is kept.
Result<int> wait_and_delete(Runtime& runtime, const std::string& id, Running& running, bool keep);

}  // namespace rcrt::oci
