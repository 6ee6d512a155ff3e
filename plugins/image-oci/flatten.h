// SPDX-License-Identifier: MIT
// Puts unpacked layers one over the other into a plain directory.
#pragma once

#include "base/result.h"

namespace rcrt::oci {

// Copies `layer` (as EntryWriter makes them) over what is in `to`, whiteouts applied.
Result<void> flatten(int layer, int to);

}  // namespace rcrt::oci
