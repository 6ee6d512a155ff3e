// SPDX-License-Identifier: MIT
// The members of a storage request, checked.
#pragma once

#include <sys/types.h>

#include <rcrt/plugin.hpp>
#include <string>
#include <vector>

namespace rcrt::overlay {

struct IdMapping {
  uint32_t container = 0, host = 0, size = 0;
};

struct Request {
  std::string dir;                  // the upper directory
  std::string layers_dir;           // empty when the root is a directory
  std::vector<std::string> layers;  // uppermost first
  std::string source;               // empty when there are layers
  bool read_only = false;
  bool is_volatile = false;
  int users = -1;  // the container's user namespace, borrowed; -1 for the host's
  std::vector<IdMapping> uids, gids;
  std::string parent() const { return dir.substr(0, dir.rfind('/') + 1); }  // of dir; ends with the slash
  // In it:
  std::string name() const { return dir.substr(dir.rfind('/') + 1); }
  std::string work() const { return name() + ".work"; }
  std::string lower() const { return name() + ".lower"; }
};

// Whose a file of the layers is in the eyes of the host; the same without mappings or outside of them.
uint32_t host_id(const std::vector<IdMapping>& mappings, uint32_t id);

sdk::Expected<Request> read_request(const sdk::Call& call);

}  // namespace rcrt::overlay
