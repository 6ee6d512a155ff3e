// SPDX-License-Identifier: MIT
// Small files, whole and atomically, relative to a folder's descriptor.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "plugins/net-bridge/netlink.h"

namespace rcrt::bridge {

Expected<UniqueFd> open_folder(int at, const std::string& path, bool create);
// The text, or an empty optional when the file does not exist.
Expected<std::optional<std::string>> read_file(int at, const std::string& path, size_t limit = 64 << 20);
// Written under a temporary name and renamed. `durable` syncs file and folder.
Status write_file(int at, const std::string& name, std::string_view text, bool durable = false);
// Absent is success.
Status remove_file(int at, const std::string& name);
// Names in the folder, sorted; those that start with a dot only if `hidden`.
Expected<std::vector<std::string>> list_folder(int folder, bool hidden = false);

}  // namespace rcrt::bridge
