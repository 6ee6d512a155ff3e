// SPDX-License-Identifier: MIT
// Finds what in somebody else's ruleset drops our forwarded packets. An accept in our
// table cannot overrule a drop in another, so the user has to be told where it is.
#pragma once

#include <string>
#include <vector>

#include "plugins/net-bridge/config.h"

namespace rcrt::bridge {

struct Drop {
  std::string where;  // table ip filter, chain FORWARD
  std::string rule;   // "policy drop", or "rule with handle 7 (drop)"
};

// `ruleset` is what `nft -j list ruleset` says.
std::vector<Drop> forward_drops(const Json& ruleset, const std::vector<Network>& networks);

}  // namespace rcrt::bridge
