// SPDX-License-Identifier: MIT
// Everything one can see of a tree, to compare it with another.
#pragma once

#include <map>
#include <string>

namespace rcrt::test {

// A line for each path below `top`, "" for itself: mode, owner, time of change, device, a link's
// target, a file's content and its first name, extended attributes.
std::map<std::string, std::string> look(const std::string& top);

}  // namespace rcrt::test
