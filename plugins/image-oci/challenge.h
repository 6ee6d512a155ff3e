// SPDX-License-Identifier: MIT
// WWW-Authenticate (RFC 9110, 11.6.1): what a registry wants to know of us.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rcrt::image_oci {

struct Challenge {
  std::string scheme;                             // "bearer", lower case
  std::map<std::string, std::string> parameters;  // names in lower case
};

// The challenges of one header. What is not understood ends the list.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace rcrt::image_oci
