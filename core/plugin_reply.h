// SPDX-License-Identifier: MIT
// Collects what a plugin says during one call and judges it afterwards.
#pragma once

#include <rcrt/plugin.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/plugin_host.h"

namespace rcrt {

// A result is at most this long and this deeply nested.
inline constexpr size_t kMaxPluginResult = 16u << 20;
inline constexpr int kMaxPluginResultDepth = 64;
inline constexpr size_t kMaxPluginFds = 64;

// Parses a result. On failure gives what is wrong with it: "is not a JSON object".
std::expected<Json, const char*> parse_plugin_result(std::string_view text);

// What an answer against the rules is refused with; `path` is the plugin's file.
std::unexpected<Error> plugin_misbehaved(const std::string& path, std::string cause);

// The host's side of one rcrt_call. The sinks never throw and keep only the first
// thing that is wrong.
class PluginReplyCollector {
 public:
  // `given` are the descriptors lent to the plugin; it cannot give them back.
  PluginReplyCollector(const PluginHost::LogSink& log, std::string_view plugin,
                       const std::vector<rcrt_fd>& given, const Plugin::ProgressSink& progress)
      : log_(log), plugin_(plugin), given_(given), progress_(progress) {}

  // Fills in the sinks; that of progress only when somebody listens.
  void attach(rcrt_call* call);
  // After the call: `code` is what the function returned.
  Result<PluginReply> finish(int code, const std::string& path, const char* function);
  // After the call threw.
  std::unexpected<Error> threw(const std::string& path, const char* function, std::string_view text);

 private:
  void take_result(rcrt_str json);
  void take_fd(const char* name, int fd);
  void take_error(const rcrt_error& error);
  void take_log(rcrt_log_level level, rcrt_str line);
  void take_progress(rcrt_str event);
  void wrong(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }

  const PluginHost::LogSink& log_;
  std::string_view plugin_;
  const std::vector<rcrt_fd>& given_;
  const Plugin::ProgressSink& progress_;
  std::string result_;
  bool has_result_ = false;
  bool has_error_ = false;
  bool dropped_ = false;  // out of memory in a sink
  std::map<std::string, UniqueFd> fds_;
  Error error_;
  std::string problem_;
};

}  // namespace rcrt
