// SPDX-License-Identifier: MIT
// What a container wrote: how much, and how it differs from its layers.
#pragma once

#include <cstdint>
#include <map>
#include <rcrt/plugin.hpp>
#include <string>
#include <vector>

namespace rcrt::overlay {

struct Usage {
  uint64_t size = 0;    // bytes of regular files, hard links counted once
  uint64_t inodes = 0;  // files of every kind, whiteouts too
};

// An upper directory that does not exist holds nothing.
sdk::Expected<Usage> usage_of(const std::string& upper);

// Path ("/etc/x") -> 'A' added, 'C' changed, 'D' deleted, relative to the layers (absolute
// paths, uppermost first).
sdk::Expected<std::map<std::string, char>> changes_of(const std::string& upper,
                                                      const std::vector<std::string>& lower);

}  // namespace rcrt::overlay
