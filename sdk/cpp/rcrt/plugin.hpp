// SPDX-License-Identifier: MIT
// rcrt plugin SDK for C++: write a function that takes a Call and returns a Status;
// RCRT_FUNCTION turns it into an interface function with an exception barrier.
//
//   static rcrt::sdk::Status prepare(rcrt::sdk::Call& call) {
//     auto dir = call.request().at("dir").get<std::string>();
//     ...
//     call.give_fd("root", fd);
//     return {};
//   }
//   static const rcrt_storage_v1 storage = {.size = sizeof storage, .prepare = RCRT_FUNCTION(prepare)};
//   RCRT_PLUGIN("storage-foo", "1.0", "what it does", "MIT", {RCRT_STORAGE_V1, &storage});
//
// Header only; needs nlohmann/json and nothing of rcrt but include/rcrt.
#pragma once

#include <rcrt/image.h>
#include <rcrt/isolation.h>
#include <rcrt/network.h>
#include <rcrt/plugin.h>
#include <rcrt/storage.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <expected>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace rcrt::sdk {

using Json = nlohmann::json;

// A failure: errno value (positive), what failed, on what, what to do about it.
struct Failure {
  int code = EIO;
  std::string what;
  std::string object;
  std::string hint;
};

template <typename T>
using Expected = std::expected<T, Failure>;
using Status = Expected<void>;

[[nodiscard]] inline std::unexpected<Failure> fail(int code, std::string what, std::string object = {},
                                                   std::string hint = {}) {
  return std::unexpected(Failure{code, std::move(what), std::move(object), std::move(hint)});
}
// The same with the errno of the system call that just failed.
[[nodiscard]] inline std::unexpected<Failure> fail_errno(std::string what, std::string object = {},
                                                         std::string hint = {}) {
  int code = errno;
  return fail(code, std::move(what), std::move(object), std::move(hint));
}

// The plain value at a place such as "linux.seccomp.syscalls[0].action" or "linux.resources.unified["a.b"]",
// as JSON, of a document that begins at "linux.seccomp" or "linux.resources"; "" where there is none.
inline std::string value_at(const Json& document, const std::string& begins, const std::string& place) {
  if (!place.starts_with(begins)) return {};
  const Json* at = &document;
  for (size_t start = begins.size(); start < place.size();) {
    const bool quoted = place.compare(start, 2, "[\"") == 0;
    const size_t after = quoted ? std::min(place.find("\"]", start + 2), place.size()) : start + 1;
    const size_t end = std::min(place.find_first_of(".[", after), place.size());
    const std::string step =
        quoted ? place.substr(start + 2, after - start - 2) : place.substr(start + 1, end - start - 1);
    if (place[start] == '[' && !quoted) {
      const size_t index = std::strtoul(step.c_str(), nullptr, 10);
      if (!at->is_array() || index >= at->size()) return {};
      at = &(*at)[index];
    } else {
      const auto member = at->find(step);  // end() also where there are no members
      if (member == at->end()) return {};
      at = &*member;
    }
    start = end;
  }
  if (at->is_structured() || at->is_null()) return {};
  const std::string text = at->dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 80 ? text.substr(0, 80) + "..." : text;
}

// What is wrong with the value at such a place: "must be a string".
[[nodiscard]] inline std::unexpected<Failure> fail_at(int code, std::string what, const Json& document,
                                                      const std::string& begins, const std::string& place,
                                                      const std::string& why) {
  const std::string value = value_at(document, begins, place);
  return fail(code, std::move(what), place, (value.empty() ? "it " : "it is " + value + ", and it ") + why);
}

// One call from the host. Lives as long as the call.
class Call {
 public:
  explicit Call(const rcrt_call* raw) : raw_(raw), request_(parse(raw)) {}

  const Json& request() const { return request_; }

  // A string member, or `otherwise` when it is absent. Throws on another type.
  std::string text(const char* member, const std::string& otherwise = {}) const {
    auto it = request_.find(member);
    return it == request_.end() || it->is_null() ? otherwise : it->get<std::string>();
  }
  bool flag(const char* member) const {
    auto it = request_.find(member);
    return it != request_.end() && it->is_boolean() && it->get<bool>();
  }

  // The descriptor with this name (borrowed), or -1.
  int fd(std::string_view name) const {
    for (size_t i = 0; i < raw_->fd_count; ++i)
      if (name == raw_->fds[i].name) return raw_->fds[i].fd;
    return -1;
  }

  void result(const Json& json) const {
    std::string text = json.dump();
    raw_->result(raw_->host, rcrt_str{text.data(), text.size()});
  }
  // Ownership of `fd` passes to the host.
  void give_fd(const char* name, int fd) const { raw_->give_fd(raw_->host, name, fd); }
  void log(rcrt_log_level level, std::string_view line) const {
    raw_->log(raw_->host, level, rcrt_str{line.data(), line.size()});
  }
  // Whether anybody listens to progress().
  bool has_progress() const {
    return raw_->size >= offsetof(rcrt_call, progress) + sizeof raw_->progress && raw_->progress != nullptr;
  }
  // One event, from the thread of the call; nothing when nobody listens.
  void progress(const Json& event) const {
    if (!has_progress()) return;
    std::string text = event.dump();
    raw_->progress(raw_->host, rcrt_str{text.data(), text.size()});
  }
  void warn(std::string_view line) const { log(RCRT_LOG_WARNING, line); }
  void debug(std::string_view line) const { log(RCRT_LOG_DEBUG, line); }

 private:
  static Json parse(const rcrt_call* raw) {
    return Json::parse(raw->request.data, raw->request.data + raw->request.size);
  }

  const rcrt_call* raw_;
  Json request_;
};

// For a storage plugin that has no options: the user's --storage-opt is an error.
inline Status refuse_options(const Call& call, const std::string& plugin) {
  auto options = call.request().find("options");
  if (options == call.request().end() || options->empty()) return {};
  return fail(EINVAL, "unknown storage option", options->begin().key(), plugin + " has none");
}

// Reports a failure to the host and gives the code to return.
inline int report(const rcrt_call* raw, const Failure& failure) {
  int code = failure.code > 0 ? failure.code : EIO;
  auto view = [](const std::string& s) { return rcrt_str{s.data(), s.size()}; };
  rcrt_error error{sizeof(rcrt_error), -code, view(failure.what), view(failure.object), view(failure.hint)};
  raw->error(raw->host, &error);
  return -code;
}

// The exception barrier: nothing thrown by `function` reaches the host.
template <Status (*function)(Call&)>
int guarded(const rcrt_call* raw) noexcept {
  try {
    Call call(raw);
    Status status = function(call);
    return status ? 0 : report(raw, status.error());
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  } catch (const nlohmann::json::exception& e) {
    try {
      return report(raw, Failure{EINVAL, "request not understood", e.what(), {}});
    } catch (...) {
      return -EINVAL;
    }
  } catch (const std::exception& e) {
    try {
      return report(raw, Failure{EIO, "unexpected failure", e.what(), "report it to the plugin's author"});
    } catch (...) {
      return -EIO;
    }
  } catch (...) {
    return -EIO;
  }
}

struct Interface {
  const char* id;
  const void* table;
};

}  // namespace rcrt::sdk

// An rcrt_function made of `Status f(Call&)`.
#define RCRT_FUNCTION(f) (&::rcrt::sdk::guarded<f>)

// Defines the exported symbol. The rest are {id, &table} pairs.
#define RCRT_PLUGIN(name_, version_, description_, license_, ...)             \
  static const void* rcrt_get_interface_(const char* id) {                    \
    static const ::rcrt::sdk::Interface interfaces[] = {__VA_ARGS__};         \
    for (const auto& i : interfaces)                                          \
      if (std::strcmp(i.id, id) == 0) return i.table;                         \
    return nullptr;                                                           \
  }                                                                           \
  extern "C" RCRT_EXPORT const rcrt_plugin rcrt_plugin_entry;                 \
  extern "C" const rcrt_plugin rcrt_plugin_entry = {                          \
      sizeof(rcrt_plugin), RCRT_ABI_MAJOR, RCRT_ABI_MINOR, name_,   version_, \
      description_,        license_,       nullptr,        nullptr, rcrt_get_interface_}
