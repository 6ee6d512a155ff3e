// SPDX-License-Identifier: MIT
// linux.intelRdt: a share of the processor's caches and memory bandwidth, by a group in a
// mounted resctrl file system.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/json.h"

namespace rcrt::oci {

struct IntelRdt {
  std::string group;               // its folder
  std::string monitor;             // folder of its monitoring group; empty: none
  std::vector<std::string> lines;  // of `schemata`, in the order in which they are written
  bool make = false;               // it need not be there
  bool remove = false;             // it goes with the container

  Json to_json() const;  // what is left to be undone
};

// Where resctrl is mounted, by the text of /proc/self/mountinfo; empty when it is not.
std::string resctrl_folder(std::string_view mountinfo);
// The configuration's wish, checked; no group when it has none.
Result<IntelRdt> read_intel_rdt(const Json& config, const std::string& id, const std::string& resctrl);

// Makes the groups and puts the process in. Undone by release, also half-way.
Result<void> enter_intel_rdt(const IntelRdt& wish, pid_t pid);
void release_intel_rdt(const Json& made);
// Other lines of the schemata of a group that was made.
Result<void> change_intel_rdt(const Json& made, const std::vector<std::string>& lines);

}  // namespace rcrt::oci
