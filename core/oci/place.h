// SPDX-License-Identifier: MIT
#pragma once

#include "base/result.h"
#include "core/json.h"

namespace rcrt::oci {

// The container's process knows what it fails on by its name in the container. The same error, with the
// place in the configuration that asks for it.
Error with_place(Error error, const Json& config);

}  // namespace rcrt::oci
