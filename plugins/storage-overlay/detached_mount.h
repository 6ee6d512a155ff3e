// SPDX-License-Identifier: MIT
// The overlay mount by the kernel's new mount interface (fsopen(2)): attached nowhere
// from the start, so that no namespace, thread or library is needed.
#pragma once

#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "request.h"

namespace rcrt::overlay {

// The detached mount, or nothing when this way is not open: an old kernel, more layers than
// one 255-byte value holds, or any failure. mount_overlay() then takes the other way,
// which also finds out what is wrong. `names` are the layers as in lowerdir=, relative to
// `folder`. The working directory is given back.
std::optional<UniqueFd> mount_detached(const Request& request, const std::string& folder,
                                       const std::string& names);

}  // namespace rcrt::overlay
