// SPDX-License-Identifier: MIT
#include "plugins/image-oci/request.h"

namespace rcrt::image_oci {

sdk::Status failed(const Error& error) {
  const std::string what = error.cause.empty() ? error.what : error.what + ": " + error.cause;
  return sdk::fail(error.code != 0 ? error.code : EIO, what, error.object, error.hint);
}

Limits limits_of(const sdk::Json& request) {
  Limits limits;
  auto given = request.find("limits");
  if (given == request.end()) return limits;
  auto take = [&](const char* member, uint64_t& limit) {
    if (auto it = given->find(member); it != given->end()) limit = it->get<uint64_t>();
  };
  take("entries", limits.entries);
  take("path_bytes", limits.path_bytes);
  take("file_bytes", limits.file_bytes);
  take("total_bytes", limits.total_bytes);
  take("ratio", limits.ratio);
  take("ratio_free_bytes", limits.ratio_free_bytes);
  take("window_bytes", limits.window_bytes);
  take("xattr_bytes", limits.xattr_bytes);
  take("directory_bytes", limits.directory_bytes);
  if (limits.ratio == 0) limits.ratio = 1;
  return limits;
}

ProgressSink sink_of(const sdk::Call& call) {
  if (!call.has_progress()) return {};
  return [&call](const Json& event) { call.progress(event); };
}

Result<Store> store_of(const sdk::Call& call) {
  return Store::open(call.request().at("root").get<std::string>());
}

}  // namespace rcrt::image_oci
