// SPDX-License-Identifier: MIT
// OCI runtime-spec "resources" as what is to be written into cgroup v2 files.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "files.h"

namespace rcrt::cgroup {

struct Setting {
  std::string controller;  // "memory"; "cgroup" for the core files every group has
  std::string file;        // "memory.max"
  std::string value;
  std::string other_file = {};  // written instead when `file` does not exist here
  std::string other_value = {};
  bool optional = false;    // nothing is lost when neither file exists
  std::string member = {};  // where it comes from: "resources.memory.limit"

  bool operator==(const Setting&) const = default;
};

struct Settings {
  std::vector<Setting> list;
  std::vector<std::string> ignored;  // one sentence for each member v2 has nothing for

  std::set<std::string> controllers() const;
};

// What a new group needs (`updating` false: values a fresh group has anyway are left
// out, so that "no limit" needs no controller), or what an existing one is changed to.
Expected<Settings> convert(const sdk::Json& resources, bool updating);

}  // namespace rcrt::cgroup
