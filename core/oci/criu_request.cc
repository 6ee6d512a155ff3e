// SPDX-License-Identifier: MIT
#include "core/oci/criu_request.h"

namespace rcrt::oci {
namespace {

template <typename T>
std::vector<T*> pointers(std::deque<T>& list) {
  std::vector<T*> result;
  for (T& one : list) result.push_back(&one);
  return result;
}

}  // namespace

CriuRequest::CriuRequest(Criu__Type type) { request_.type = type; }

char* CriuRequest::text(const std::string& text) { return texts_.emplace_back(text).data(); }

void CriuRequest::set_page_server(const std::string& address, int port) {
  page_server_.address = text(address);
  RCRT_CRIU_SET(page_server_, port, port);
  options_.page_server = &page_server_;
}

void CriuRequest::add_mount(const std::string& key, const std::string& value) {
  Criu__Mount& mount = mounts_.emplace_back(Criu__Mount CRIU__MOUNT__INIT);
  mount.key = text(key);
  mount.value = text(value);
}

void CriuRequest::add_external(const std::string& name) { external_.push_back(text(name)); }

void CriuRequest::add_inherited_fd(const std::string& name, int fd) {
  Criu__InheritedFd& inherited = fds_.emplace_back(Criu__InheritedFd CRIU__INHERITED_FD__INIT);
  inherited.key = text(name);
  inherited.fd = fd;
}

void CriuRequest::add_cgroup_root(const std::string& controller, const std::string& path) {
  Criu__CgroupRoot& root = roots_.emplace_back(Criu__CgroupRoot CRIU__CGROUP_ROOT__INIT);
  root.controller = text(controller);
  root.path = text(path);
}

void CriuRequest::join_namespace(const std::string& type, const std::string& file) {
  Criu__JoinedNamespace& joined = joined_.emplace_back(Criu__JoinedNamespace CRIU__JOINED_NAMESPACE__INIT);
  joined.type = text(type);
  joined.file = text(file);
}

std::string CriuRequest::bytes() {
  auto mounts = pointers(mounts_);
  auto fds = pointers(fds_);
  auto roots = pointers(roots_);
  auto joined = pointers(joined_);
  options_.n_mounts = mounts.size(), options_.mounts = mounts.data();
  options_.n_inherited_fds = fds.size(), options_.inherited_fds = fds.data();
  options_.n_cgroup_roots = roots.size(), options_.cgroup_roots = roots.data();
  options_.n_joined_namespaces = joined.size(), options_.joined_namespaces = joined.data();
  options_.n_external = external_.size(), options_.external = external_.data();
  request_.options = &options_;
  std::string bytes(criu__request__get_packed_size(&request_), '\0');
  criu__request__pack(&request_, reinterpret_cast<uint8_t*>(bytes.data()));
  return bytes;
}

}  // namespace rcrt::oci
