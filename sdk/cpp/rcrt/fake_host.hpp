// SPDX-License-Identifier: MIT
// A host for tests of plugins: calls an interface function and keeps what it says.
//
//   rcrt::sdk::FakeHost host;
//   int code = host.call(storage->prepare, {{"container", "c1"}, ...});
//   host.result, host.fds["root"], host.error_text
#pragma once

#include <rcrt/plugin.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace rcrt::sdk {

class FakeHost {
 public:
  FakeHost() = default;
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;
  ~FakeHost() { clear(); }

  nlohmann::json result;
  std::map<std::string, int> fds;  // owned by this object
  int errors = 0;
  std::string error_what, error_object, error_hint;
  std::vector<std::string> log;
  std::vector<nlohmann::json> events;  // of progress

  int call(rcrt_function function, const nlohmann::json& request, const std::vector<rcrt_fd>& given = {}) {
    clear();
    std::string text = request.dump();
    rcrt_call raw{};
    raw.size = sizeof raw;
    raw.request = {text.data(), text.size()};
    raw.fds = given.data();
    raw.fd_count = given.size();
    raw.host = this;
    raw.result = [](void* self, rcrt_str json) {
      static_cast<FakeHost*>(self)->result = nlohmann::json::parse(json.data, json.data + json.size);
    };
    raw.give_fd = [](void* self, const char* name, int fd) {
      auto [it, added] = static_cast<FakeHost*>(self)->fds.emplace(name, fd);
      if (!added) ::close(std::exchange(it->second, fd));
    };
    raw.error = [](void* self, const rcrt_error* error) {
      auto* host = static_cast<FakeHost*>(self);
      ++host->errors;
      host->error_what.assign(error->what.data, error->what.size);
      host->error_object.assign(error->object.data, error->object.size);
      host->error_hint.assign(error->hint.data, error->hint.size);
    };
    raw.log = [](void* self, rcrt_log_level, rcrt_str line) {
      static_cast<FakeHost*>(self)->log.emplace_back(line.data, line.size);
    };
    raw.progress = [](void* self, rcrt_str event) {
      static_cast<FakeHost*>(self)->events.push_back(
          nlohmann::json::parse(event.data, event.data + event.size));
    };
    return function(&raw);
  }

  void clear() {
    for (auto& [name, fd] : fds) ::close(fd);
    fds.clear();
    result = nullptr;
    errors = 0;
    error_what.clear();
    error_object.clear();
    error_hint.clear();
    log.clear();
    events.clear();
  }
};

}  // namespace rcrt::sdk
