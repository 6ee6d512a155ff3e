// SPDX-License-Identifier: MIT
// Which files are plugins, and whether they may be loaded.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt {

// What a kind of plugin must offer.
struct PluginKind {
  const char* kind;       // "net"
  const char* interface;  // "rcrt.network/1"
};
// NULL for a kind that does not exist.
const PluginKind* find_plugin_kind(std::string_view kind);

// Letters, digits, '.', '_' and '-', not starting with '.' or '-', no "..", at most 64.
bool valid_plugin_name(std::string_view name);

// "net-bridge.so" -> "net" and "bridge"; false when it is no plugin's name.
bool split_plugin_file_name(std::string_view file, std::string* kind, std::string* name);

// An open plugin folder. The descriptor stays open while plugins from it are in use: they
// are loaded through it, so that a path swapped after the check changes nothing.
struct PluginFolder {
  std::string path;
  UniqueFd fd;
};

// The Error has code ENOENT when there is no such folder.
Result<PluginFolder> open_plugin_folder(const std::string& path);

// The name to load `file` by, below the folder's descriptor ("/proc/self/fd/N/net-foo.so").
// As root, folder and file must belong to root, nobody else may write them, and a symbolic
// link must stay in the folder. The Error has code ENOENT when the folder has no such file.
Result<std::string> check_plugin_file(const PluginFolder& folder, const std::string& file);

}  // namespace rcrt
