// SPDX-License-Identifier: MIT
// libcgroup, loaded when the first limit is asked for and not before: dlopen costs
// 180 us and cgroup_init 0.8 ms, and most containers have no limit. A container
// without limits needs one mkdir(2).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "resources.h"

namespace rcrt::cgroup {

// Makes the group `name` ("rcrt/<id>", its parent exists and hands down the controllers)
// and writes the settings, one value a file. A group that exists is changed.
Status libcgroup_create(const std::string& name, const std::set<std::string>& controllers,
                        const std::vector<const Setting*>& settings);

}  // namespace rcrt::cgroup
