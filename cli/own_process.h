// SPDX-License-Identifier: MIT
// Work that a plugin may keep from ever ending.
#pragma once

#include <sys/types.h>

#include <functional>

#include "base/result.h"
#include "core/engine.h"

namespace rcrt::cli {

// Does `work` in a process of its own. Its Error is returned, and what it prints to standard error is
// printed here. When it has not ended in time it goes on alone, and its pid is returned, else 0.
Result<pid_t> in_own_process(Engine& engine, int timeout_ms, const std::function<Result<void>()>& work);

}  // namespace rcrt::cli
