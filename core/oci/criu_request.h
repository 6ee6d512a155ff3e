// SPDX-License-Identifier: MIT
// One request to CRIU, and all that its pointers point to.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "core/oci/criu.pb-c.h"

namespace rcrt::oci {

class CriuRequest {
 public:
  explicit CriuRequest(Criu__Type type);
  CriuRequest(const CriuRequest&) = delete;
  CriuRequest& operator=(const CriuRequest&) = delete;

  // Members with a has_ beside them are set with RCRT_CRIU_SET.
  Criu__Options& options() { return options_; }
  Criu__Type type() const { return request_.type; }
  // The text lives as long as the request.
  char* text(const std::string& text);

  void set_page_server(const std::string& address, int port);
  void add_mount(const std::string& key, const std::string& value);
  void add_external(const std::string& name);
  void add_inherited_fd(const std::string& name, int fd);
  void add_cgroup_root(const std::string& controller, const std::string& path);
  void join_namespace(const std::string& type, const std::string& file);

  std::string bytes();

 private:
  Criu__Request request_ = CRIU__REQUEST__INIT;
  Criu__Options options_ = CRIU__OPTIONS__INIT;
  Criu__PageServer page_server_ = CRIU__PAGE_SERVER__INIT;
  std::deque<std::string> texts_;
  std::deque<Criu__Mount> mounts_;
  std::deque<Criu__InheritedFd> fds_;
  std::deque<Criu__CgroupRoot> roots_;
  std::deque<Criu__JoinedNamespace> joined_;
  std::vector<char*> external_;
};

#define RCRT_CRIU_SET(options, member, value) ((options).has_##member = 1, (options).member = (value))

}  // namespace rcrt::oci
