// SPDX-License-Identifier: MIT
// The order of lines: by columns, or as a hierarchy.
#pragma once

#include <string>
#include <vector>

#include "oci/ps/options.h"

namespace rcrt::oci::ps {

struct Key {
  const Column* column;
  bool descending;
};

// "[+|-]COLUMN,…"
Result<std::vector<Key>> parse_keys(const std::string& keys);
void sort(std::vector<Process>& processes, const std::vector<Key>& keys, Machine& machine,
          const Style& style);

struct Line {
  const Process* process;
  std::string branch;  // what is drawn before the command
};
std::vector<Line> in_order(const std::vector<Process>& processes);
// Children behind their parents. Processes are sorted; as with ps, trees come last one first.
std::vector<Line> as_hierarchy(const std::vector<Process>& processes, Forest forest);

}  // namespace rcrt::oci::ps
