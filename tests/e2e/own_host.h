// SPDX-License-Identifier: MIT
// A machine of the tests' own: pid, mount, network and cgroup namespaces, with an init
// that reaps. Whatever a test leaves behind ends with it.
#pragma once

#include <functional>
#include <string>

namespace rcrt::test {

// Why there is no such machine here; empty when there is.
const std::string& own_host_problem();

// Runs `body` inside, or, where that is not permitted, here with own_host_problem() set.
// Returns what it returned, or 128 and the signal that ended it.
int in_own_host(const std::function<int()>& body);

}  // namespace rcrt::test
