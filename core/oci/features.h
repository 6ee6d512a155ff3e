// SPDX-License-Identifier: MIT
// What rcrt-oci supports, as the specification's "features structure".
#pragma once

#include "core/json.h"

namespace rcrt::oci {

Json features();

}  // namespace rcrt::oci
