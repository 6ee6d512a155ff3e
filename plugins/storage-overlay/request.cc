// SPDX-License-Identifier: MIT
#include "request.h"

namespace rcrt::overlay {
namespace {

bool has_dot_dot(const std::string& path) { return ("/" + path + "/").find("/../") != path.npos; }

std::vector<IdMapping> mappings(const sdk::Call& call, const char* member) {
  std::vector<IdMapping> list;
  if (auto it = call.request().find(member); it != call.request().end())
    for (const auto& entry : *it)
      list.push_back({entry.at("containerID").get<uint32_t>(), entry.at("hostID").get<uint32_t>(),
                      entry.at("size").get<uint32_t>()});
  return list;
}

}  // namespace

uint32_t host_id(const std::vector<IdMapping>& mappings, uint32_t id) {
  for (const auto& mapping : mappings)
    if (id >= mapping.container && id - mapping.container < mapping.size)
      return mapping.host + (id - mapping.container);
  return id;
}

sdk::Expected<Request> read_request(const sdk::Call& call) {
  Request request;
  request.dir = call.text("dir");
  request.layers_dir = call.text("layers_dir");
  request.source = call.text("source");
  request.read_only = call.flag("read_only");
  request.is_volatile = call.flag("volatile");
  request.users = call.fd("user_namespace");
  request.uids = mappings(call, "uid_mappings");
  request.gids = mappings(call, "gid_mappings");
  while (request.dir.size() > 1 && request.dir.back() == '/') request.dir.pop_back();
  if (request.dir.empty() || request.dir[0] != '/' || request.dir == "/" || has_dot_dot(request.dir))
    return sdk::fail(EINVAL, "the request's \"dir\" is not an absolute path", request.dir);

  auto layers = call.request().find("layers");
  if (layers != call.request().end() && !layers->is_null())
    request.layers = layers->get<std::vector<std::string>>();
  for (const std::string& layer : request.layers)
    if (layer.empty() || layer[0] == '/' || has_dot_dot(layer) || layer.find('\0') != layer.npos)
      return sdk::fail(EINVAL, "a layer is not a path relative to the layers folder", layer);
  if (!request.layers.empty() && (request.layers_dir.empty() || request.layers_dir[0] != '/'))
    return sdk::fail(EINVAL, "the request's \"layers_dir\" is not an absolute path", request.layers_dir);
  if (request.layers.empty() && (request.source.empty() || request.source[0] != '/'))
    return sdk::fail(EINVAL, "the request has neither layers nor an absolute source directory",
                     request.source);
  return request;
}

}  // namespace rcrt::overlay
