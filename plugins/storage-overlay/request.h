// SPDX-License-Identifier: MIT
// The members of a storage request, checked.
#pragma once

#include <rcrt/plugin.hpp>
#include <string>
#include <vector>

namespace rcrt::overlay {

struct Request {
  std::string dir;
  std::string layers_dir;           // empty when the root is a directory
  std::vector<std::string> layers;  // uppermost first
  std::string source;               // empty when there are layers
  bool read_only = false;
  bool is_volatile = false;
};

sdk::Expected<Request> read_request(const sdk::Call& call);

}  // namespace rcrt::overlay
