// SPDX-License-Identifier: MIT
// User namespaces with the mappings that the caller may have: any for root; for another user
// his own id, or the ranges that /etc/subuid and /etc/subgid give him.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt {

// With the lines of uid_map and gid_map. Ranges of /etc/subuid and /etc/subgid are mapped by
// newuidmap and newgidmap, which are setuid: no other program is executed.
Result<UniqueFd> make_user_namespace(const std::string& uid_map, const std::string& gid_map);

// We are in one, and root in it is not the machine's.
bool in_user_namespace();

}  // namespace rcrt
