// SPDX-License-Identifier: MIT
// Which columns the options ask for.
#pragma once

#include <string>
#include <vector>

#include "oci/ps/options.h"

namespace rcrt::oci::ps {

struct Shown {
  const Column* column;  // nullptr: `header` stands in every line, as "%p in %y" asks for
  std::string header;
  size_t width;
};

Result<std::vector<Shown>> columns_of(const Options& options, Machine& machine);

}  // namespace rcrt::oci::ps
