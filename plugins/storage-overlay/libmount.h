// SPDX-License-Identifier: MIT
// libmount, loaded when it is needed and not before: with what it links it costs 0.4 ms,
// and a root of few layers is mounted without it (detached_mount.h).
#pragma once

#include <rcrt/plugin.hpp>
#include <string>

namespace rcrt::overlay {

// mount(2) by libmount, with everything off that would look at or write other files.
// Gives 0 or the errno value of the mount; a Failure when there is no libmount.
sdk::Expected<int> mount_with_libmount(const char* type, const std::string& options,
                                       const std::string& target);

}  // namespace rcrt::overlay
