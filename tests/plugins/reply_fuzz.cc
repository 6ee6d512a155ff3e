// SPDX-License-Identifier: MIT
// Whatever a plugin answers, the host either has an object or one line that says why not.
#include <fcntl.h>

#include <cstdlib>

#include "core/plugin_reply.h"

static void require(bool holds) {
  if (!holds) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const int code = static_cast<int8_t>(data[0]);
  const uint8_t what = data[1];
  const size_t split = std::min<size_t>(data[2], size - 3);
  const char* text = reinterpret_cast<const char*>(data) + 3;
  const rcrt_str first = {text, split};
  const rcrt_str rest = {text + split, size - 3 - split};

  rcrt::PluginHost::LogSink log;
  std::vector<rcrt_fd> none;
  const rcrt::Plugin::ProgressSink progress = [](const rcrt::Json& event) { require(event.is_object()); };
  rcrt::PluginReplyCollector collector(log, "net-fuzz", none, progress);
  rcrt_call call{};
  call.size = sizeof call;
  collector.attach(&call);
  if (what & 1) call.result(call.host, rest);
  if (what & 2) call.result(call.host, first);
  if (what & 4) {
    rcrt_error error = {sizeof error, code, first, rest, first};
    call.error(call.host, &error);
  }
  if (what & 8)
    call.give_fd(call.host, std::string(first.data, first.size).c_str(), open("/dev/null", O_RDONLY));
  if (what & 16) call.log(call.host, RCRT_LOG_INFO, rest);
  if (what & 32) call.progress(call.host, rest);
  auto reply = collector.finish(code, "/p/net-fuzz.so", "attach");
  if (reply) {
    require(code == 0 && reply->result.is_object());
    require(reply->fds.size() == ((what & 8) ? 1u : 0u));
  } else {
    std::string message = reply.error().message();
    require(!message.empty() && message.find('\n') == message.npos);
    // Its own words, or ours with its file.
    require((code < 0 && (what & 4)) || message.find("/p/net-fuzz.so") != message.npos);
  }
  return 0;
}
