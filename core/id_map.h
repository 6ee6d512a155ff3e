// SPDX-License-Identifier: MIT
// Mounts whose files belong, as seen through them, to other users than on the disk: what user and
// group 0 own there belongs to those whom a user namespace takes for 0.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt {

// Maps a detached mount's ids by the namespace; `recursive`: of all that is mounted below it too. What
// could not be mapped is `what` in the Error.
Result<void> map_ids(int mount, int user_namespace, bool recursive, const std::string& what);

// User namespaces by their mappings, each made once.
class UserNamespaces {
 public:
  // Borrowed.
  Result<int> get(const std::string& uid_map, const std::string& gid_map);

 private:
  std::map<std::pair<std::string, std::string>, UniqueFd> made_;
};

}  // namespace rcrt
