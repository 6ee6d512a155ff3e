// SPDX-License-Identifier: MIT
// Finds, checks and loads plugins, and calls them. The only user of Boost.DLL.
#pragma once

#include <rcrt/plugin.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"
#include "core/plugin_file.h"

namespace rcrt {

// What a call answered.
struct PluginReply {
  Json result = Json::object();
  std::map<std::string, UniqueFd> fds;

  UniqueFd take(const std::string& name) {
    auto it = fds.find(name);
    return it == fds.end() ? UniqueFd() : std::move(it->second);
  }
};

// One loaded plugin. Unloaded when destroyed.
class Plugin {
 public:
  ~Plugin();
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  const std::string& path() const;
  const rcrt_plugin& entry() const;
  // The ids of the known interfaces the plugin has.
  std::vector<std::string> interfaces() const;

  // The interface with this id, as its C struct, or NULL. Members past the size
  // the plugin declares read as NULL (the host keeps a zero-filled copy).
  const void* find(const char* id) const;
  template <typename Table>
  const Table* get(const char* id) const {
    return static_cast<const Table*>(find(id));
  }

  // What a long call says of how it gets on.
  using ProgressSink = std::function<void(const Json& event)>;

  // Calls an interface function. A NULL function is an empty success. `name` is
  // the function's, for messages ("attach"). Anything wrong with the answer (not
  // JSON, no object, closed descriptor, failure without a word, an exception) is an
  // Error that names the plugin's file. Descriptors received are close-on-exec.
  Result<PluginReply> call(rcrt_function function, const char* name, const Json& request,
                           const std::vector<rcrt_fd>& fds = {}, const ProgressSink& progress = {}) const;

  // What an answer that is well-formed JSON, but not what the interface asks for, is refused with.
  std::unexpected<Error> misbehaved(std::string_view cause) const;
  // The same for a member of another form than `header` ("<rcrt/network.h>") says.
  std::unexpected<Error> malformed(std::string_view header, std::string_view member) const;

 private:
  friend class PluginHost;
  struct Impl;
  explicit Plugin(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A file that looks like a plugin, loaded or not.
struct PluginFile {
  std::string kind;  // "net", "storage", "isolation", "image"
  std::string name;  // "bridge"
  std::string path;
  std::string problem;  // why it would be refused, as far as can be told without loading
};

class PluginHost {
 public:
  using LogSink = std::function<void(rcrt_log_level, std::string_view plugin, std::string_view line)>;

  // Folders searched in order; the first that has `<kind>-<name>.so` wins.
  PluginHost(std::vector<std::string> folders, LogSink log);

  // The plugin `<kind>-<name>.so`, loaded once and kept. Checks names (no '/', no
  // "..") and, as root, that folder and file belong to root, that nobody else can
  // write them and that no symbolic link leads out of the folder.
  // The interface that belongs to the kind must be there, with the functions that are
  // not optional. The Error has code ENOENT when no folder has such a plugin.
  Result<const Plugin*> load(const std::string& kind, const std::string& name);

  // Further folders, searched after those there are; known ones stay where they are.
  void also_search(const std::vector<std::string>& folders);

  // All plugin files in the folders, sorted by kind and name. Loads none.
  std::vector<PluginFile> list() const;

 private:
  std::vector<std::string> folders_;
  LogSink log_;
  Result<void> open_folders();

  // Opened when something is loaded; stay open, close-on-exec, as long as what was loaded from them.
  std::vector<PluginFolder> open_;
  size_t tried_ = 0;  // of folders_
  std::map<std::string, std::unique_ptr<Plugin>> loaded_;
};

}  // namespace rcrt
