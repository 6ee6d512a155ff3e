// SPDX-License-Identifier: MIT
// LD_PRELOAD, LD_LIBRARY_PATH and their like choose what the dynamic loader puts into a program.
#pragma once

#include "base/result.h"

namespace rcrt {

// As root the libraries of plugins come from the system, whatever the caller's environment says,
// and nothing of it reaches the programs we start: where there is any such variable, the program
// begins again without. Returns when there was none.
Result<void> drop_loader_variables(char** argv);

}  // namespace rcrt
