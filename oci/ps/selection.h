// SPDX-License-Identifier: MIT
// Which of a container's processes are shown. Where nothing is chosen, all are.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/ps/machine.h"

namespace rcrt::oci::ps {

// What a list of -p and its like names.
enum class By { pid, parent, process_group, session, effective_user, real_user, effective_group, real_group };

class Selection {
 public:
  bool all = false;              // -e, -A
  bool any_user = false;         // a and
  bool any_terminal = false;     // x, which are all together
  bool on_terminal = false;      // -a: those that lead no session and have a terminal
  bool without_leaders = false;  // -d
  bool running = false;          // r, besides the others
  bool deselect = false;         // -N

  // Lists are separated by commas or blanks; users and groups are names or numbers.
  Result<void> add(By by, const std::string& list, Machine& machine);
  Result<void> add_commands(const std::string& list);
  Result<void> add_terminals(const std::string& list);
  void add_own_terminal();
  // -g: of sessions, or of groups where one is named.
  Result<void> add_sessions_or_groups(const std::string& list, Machine& machine);

  bool takes(const Process& process) const;

 private:
  struct Wanted {
    By by;
    unsigned number;
  };

  bool listed(const Process& process) const;

  std::vector<Wanted> numbers_;
  std::vector<std::string> commands_, terminals_;
};

}  // namespace rcrt::oci::ps
