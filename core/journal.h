// SPDX-License-Identifier: MIT
// A container's journal: what has to be undone, written before it is done. One JSON
// object a line, in /run, so that it dies with the kernel objects it speaks of.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"

namespace rcrt {

struct JournalEntry {
  std::string step;    // "storage", "isolation", "network", "name", "started"
  std::string plugin;  // "overlay"; empty for steps of the core
  Json request;        // as given to the plugin; its undo function gets the same
};

class Journal {
 public:
  // Opens the journal in the container's state folder, which must exist.
  static Result<Journal> open(const std::string& state_folder);

  // As the members of JournalEntry.
  Result<void> append(const std::string& step, const std::string& plugin, const Json& request);

  // Entries in the order they were written. A last line cut short by a kill is left out:
  // what it announces was never begun.
  static Result<std::vector<JournalEntry>> read(const std::string& state_folder);
  // Rewrites the journal without the entries that are undone (all at once).
  static Result<void> replace(const std::string& state_folder, const std::vector<JournalEntry>& entries);

 private:
  UniqueFd fd_;
  std::string path_;
};

}  // namespace rcrt
