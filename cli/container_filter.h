// SPDX-License-Identifier: MIT
// --filter of ps.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/engine.h"

namespace rcrt::cli {

inline constexpr const char* kContainerFilters =
    "ancestor=IMAGE, before=CONTAINER, exited=CODE, id=ID, label=KEY[=VALUE], name=REGEX, network=NETWORK, "
    "since=CONTAINER, status=created|running|exited|dead, volume=VOLUME|DIR";

struct ContainerFilter {
  // One of the values of each kind fits, and all labels.
  std::function<bool(const Container&)> fits;
  bool all = false;  // speaks of containers that may not run
};

// Fails for what is no filter.
Result<ContainerFilter> container_filter(const Engine& engine, const std::vector<std::string>& words);

}  // namespace rcrt::cli
