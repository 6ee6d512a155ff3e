// SPDX-License-Identifier: MIT
#pragma once

#include "core/json.h"

namespace rcrt {

// Of what a network plugin's attach answered, the member that has another form than <rcrt/network.h>
// says; NULL when all is well.
const char* malformed_member(const Json& result);

}  // namespace rcrt
