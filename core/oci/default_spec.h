// SPDX-License-Identifier: MIT
// The configuration that `rcrt-oci spec` writes.
#pragma once

#include "core/json.h"

namespace rcrt::oci {

// An ordered document, for people to edit.
nlohmann::ordered_json default_spec(bool rootless);

}  // namespace rcrt::oci
