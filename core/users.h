// SPDX-License-Identifier: MIT
// USER of an image or --user, resolved with the root's own /etc/passwd and /etc/group.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace rcrt {

struct User {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;  // supplementary, without gid
  std::string home = "/";
};

// `user` is "name|uid[:group|gid]" or empty (root). `extra_groups` are --group-add words.
// `root_fd` is the root of the container (may be a detached mount; -1: one without files); its files are read
// inside it, bounded in size, and must be regular. Numbers are plain decimals below 2^31:
// signs, leading zeros and larger values are refused.
Result<User> resolve_user(int root_fd, const std::string& user,
                          const std::vector<std::string>& extra_groups = {});

}  // namespace rcrt
