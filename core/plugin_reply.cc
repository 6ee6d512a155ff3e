// SPDX-License-Identifier: MIT
#include "core/plugin_reply.h"

#include <fcntl.h>
#include <unistd.h>

namespace rcrt {
namespace {

constexpr size_t kMaxText = 4096;  // of one part of an error, or one log line
constexpr int kMaxErrno = 4095;
constexpr char kTellAuthor[] = "report it to the plugin's author";

bool readable(rcrt_str text) { return text.data != nullptr || text.size == 0; }

// Bounded, and on one line.
std::string to_line(rcrt_str text) {
  std::string line(text.data ? text.data : "", text.data ? std::min(text.size, kMaxText) : 0);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return line;
}

// Brackets outside strings, so that no parser is handed a bottomless document.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxPluginResultDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::expected<Json, const char*> parse_plugin_result(std::string_view text) {
  if (text.size() > kMaxPluginResult) return std::unexpected("is longer than 16 MiB");
  if (too_deep(text)) return std::unexpected("is nested more than 64 levels deep");
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return std::unexpected("is not JSON");
  if (!json.is_object()) return std::unexpected("is not a JSON object");
  return json;
}

void PluginReplyCollector::attach(rcrt_call* call) {
  // Nothing a plugin makes us do may throw through its frames.
  static constexpr auto contained = [](PluginReplyCollector* self, auto&& take) noexcept {
    try {
      take();
    } catch (...) {
      self->dropped_ = true;
    }
  };
  call->host = this;
  call->result = [](void* host, rcrt_str json) {
    auto* self = static_cast<PluginReplyCollector*>(host);
    contained(self, [&] { self->take_result(json); });
  };
  call->give_fd = [](void* host, const char* name, int fd) {
    auto* self = static_cast<PluginReplyCollector*>(host);
    contained(self, [&] { self->take_fd(name, fd); });
  };
  call->error = [](void* host, const rcrt_error* error) {
    auto* self = static_cast<PluginReplyCollector*>(host);
    contained(self, [&] {
      // size and code are as old as the interface; the rest is read as far as it goes.
      if (!error || error->size < offsetof(rcrt_error, what)) return self->wrong("reported no error");
      rcrt_error copy{};
      std::memcpy(static_cast<void*>(&copy), error, std::min(error->size, sizeof copy));
      self->take_error(copy);
    });
  };
  call->log = [](void* host, rcrt_log_level level, rcrt_str line) {
    auto* self = static_cast<PluginReplyCollector*>(host);
    contained(self, [&] { self->take_log(level, line); });
  };
  if (!progress_) return;
  call->progress = [](void* host, rcrt_str event) {
    auto* self = static_cast<PluginReplyCollector*>(host);
    contained(self, [&] { self->take_progress(event); });
  };
}

void PluginReplyCollector::take_result(rcrt_str json) {
  if (has_result_) return wrong("gave two results");
  has_result_ = true;
  if (!readable(json)) return wrong("gave a result without data");
  if (json.size > kMaxPluginResult) return wrong("gave a result that is longer than 16 MiB");
  result_.assign(json.data ? json.data : "", json.size);
}

void PluginReplyCollector::take_fd(const char* name, int fd) {
  const std::string role = name ? to_line({name, strnlen(name, kMaxText)}) : "";
  const std::string number = std::to_string(fd);
  if (fd < 0) return wrong("gave descriptor " + number + " as \"" + role + "\"");
  int flags = fcntl(fd, F_GETFD);
  if (flags < 0) return wrong("gave descriptor " + number + ", which is closed, as \"" + role + "\"");
  // These were never the plugin's: not taken, so not closed either.
  if (fd <= STDERR_FILENO) return wrong("gave away standard stream " + number + " as \"" + role + "\"");
  for (const rcrt_fd& lent : given_)
    if (lent.fd == fd)
      return wrong("gave back the descriptor \"" + std::string(lent.name) + "\" it was lent");
  for (const auto& [other, held] : fds_)
    if (held.get() == fd)
      return wrong("gave descriptor " + number + " twice, as \"" + other + "\" and \"" + role + "\"");

  UniqueFd owned(fd);
  if (role.empty()) return wrong("gave a descriptor without a name");
  if (fds_.size() >= kMaxPluginFds) return wrong("gave more than 64 descriptors");
  if (!(flags & FD_CLOEXEC)) fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
  if (!fds_.emplace(role, std::move(owned)).second) wrong("gave two descriptors as \"" + role + "\"");
}

void PluginReplyCollector::take_error(const rcrt_error& error) {
  if (has_error_) return;  // the first one says what happened
  has_error_ = true;
  if (!readable(error.what) || !readable(error.object) || !readable(error.hint))
    return wrong("reported an error without text");
  error_.what = to_line(error.what);
  error_.object = to_line(error.object);
  error_.hint = to_line(error.hint);
  if (error_.what.empty()) wrong("reported an error without text");
}

std::unexpected<Error> plugin_misbehaved(const std::string& path, std::string cause) {
  return std::unexpected(Error{"plugin misbehaved", path, 0, kTellAuthor, std::move(cause), 125});
}

void PluginReplyCollector::take_log(rcrt_log_level level, rcrt_str line) {
  if (log_) log_(level, plugin_, to_line(line));
}

void PluginReplyCollector::take_progress(rcrt_str event) {
  if (!readable(event)) return wrong("gave progress without data");
  auto json = parse_plugin_result({event.data ? event.data : "", event.size});
  if (!json) return wrong(std::string("gave progress that ") + json.error());
  progress_(*json);
}

Result<PluginReply> PluginReplyCollector::finish(int code, const std::string& path, const char* function) {
  auto broken = [&](const std::string& cause) { return plugin_misbehaved(path, function + (" " + cause)); };
  if (dropped_) return error("out of memory for the answer of plugin", path, {}, ENOMEM);
  if (!problem_.empty()) return broken(problem_);
  if (code > 0) return broken("returned " + std::to_string(code) + "; success is 0, a failure negative");
  if (code < -kMaxErrno) return broken("returned " + std::to_string(code) + ", which is no errno");
  if (code < 0 && !has_error_)
    return std::unexpected(
        Error{"plugin failed without saying why", path, -code, kTellAuthor, function, 125});
  if (code < 0) {
    error_.code = -code;
    const std::string file = std::string(plugin_) + ".so";
    error_.hint += error_.hint.empty() ? "so says " + file : " (" + file + ")";
    return std::unexpected(std::move(error_));
  }
  if (has_error_) return broken("reported \"" + error_.what + "\" but returned success");

  PluginReply reply;
  if (has_result_) {
    auto json = parse_plugin_result(result_);
    if (!json) return broken(std::string("gave a result that ") + json.error());
    reply.result = std::move(*json);
  }
  reply.fds = std::move(fds_);
  return reply;
}

std::unexpected<Error> PluginReplyCollector::threw(const std::string& path, const char* function,
                                                   std::string_view text) {
  std::string cause = std::string(function) + " let an exception escape";
  if (!text.empty()) cause += ": " + to_line({text.data(), text.size()});
  return plugin_misbehaved(path, std::move(cause));
}

}  // namespace rcrt
