// SPDX-License-Identifier: MIT
// The overlay mount itself, made where nobody else sees it.
#pragma once

#include <rcrt/plugin.hpp>

#include "base/unique_fd.h"
#include "request.h"

namespace rcrt::overlay {

// Mounts the request's layers (or its source) with "dir"/upper and "dir"/work, which exist,
// and gives the detached mount.
sdk::Expected<UniqueFd> mount_overlay(const Request& request);

}  // namespace rcrt::overlay
