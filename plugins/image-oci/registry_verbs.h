// SPDX-License-Identifier: MIT
// The verbs that speak to registries, as functions of the plugin interface.
#pragma once

#include <rcrt/plugin.hpp>

namespace rcrt::image_oci {

sdk::Status pull_verb(sdk::Call& call);
sdk::Status push_verb(sdk::Call& call);
sdk::Status login_verb(sdk::Call& call);
sdk::Status logout_verb(sdk::Call& call);

}  // namespace rcrt::image_oci
