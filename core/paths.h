// SPDX-License-Identifier: MIT
// Where things are: the program's own files, the data that outlives a reboot, and
// the state that does not.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace rcrt {

struct Paths {
  std::string root = "/var/lib/rcrt";  // --root, RCRT_ROOT
  std::string state = "/run/rcrt";     // --state, RCRT_STATE
  std::string program;                 // absolute path of rcrt itself
  std::string prefix;                  // the folder above bin/
  std::vector<std::string> plugin_folders;

  std::string monitor() const { return prefix + "/libexec/rcrt/rcrt-monitor"; }
  std::string embedded_image() const { return prefix + "/share/rcrt/images/busybox.tar"; }
  std::string containers() const { return root + "/containers"; }
  std::string container(const std::string& id) const { return root + "/containers/" + id; }
  std::string created_mark(const std::string& id) const { return container(id) + "/created"; }
  std::string container_state(const std::string& id) const { return state + "/containers/" + id; }
  std::string names() const { return root + "/names"; }
  std::string networks() const { return root + "/networks"; }
  std::string cache() const { return root + "/cache"; }
};

// From /proc/self/exe; plugin folders are <prefix>/lib/rcrt/plugins and, before it,
// /etc/rcrt/plugins where that exists.
Result<Paths> find_paths();

// Makes a folder and its missing parents, mode 0700. Existing ones stay as they are.
Result<void> make_folders(const std::string& path);

}  // namespace rcrt
