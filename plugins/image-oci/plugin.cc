// SPDX-License-Identifier: MIT
// image-oci: images as an OCI image layout, their layers unpacked for overlayfs.
#include <rcrt/plugin.hpp>

#include "base/version.h"
#include "plugins/image-oci/import.h"
#include "plugins/image-oci/utf8_locale.h"

namespace {

using rcrt::image_oci::Limits;
using rcrt::sdk::Call;
using rcrt::sdk::Status;

Status failed(const rcrt::Error& error) {
  const std::string what = error.cause.empty() ? error.what : error.what + ": " + error.cause;
  return rcrt::sdk::fail(error.code != 0 ? error.code : EIO, what, error.object, error.hint);
}

Limits limits_of(const rcrt::sdk::Json& request) {
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

Status import_image(Call& call) {
  const rcrt::image_oci::Utf8Locale locale;
  rcrt::image_oci::ImportRequest request;
  request.root = call.request().at("root").get<std::string>();
  request.source = call.request().at("source").get<std::string>();
  request.name = call.request().at("name").get<std::string>();
  request.created = call.text("created");
  if (auto config = call.request().find("config"); config != call.request().end() && !config->is_null())
    request.config = *config;
  request.limits = limits_of(call.request());
  auto id = rcrt::image_oci::import_image(request);
  if (!id) return failed(id.error());
  call.result({{"id", *id}});
  return {};
}

Status unpack_image(Call& call) {
  const rcrt::image_oci::Utf8Locale locale;
  auto unpacked = rcrt::image_oci::unpack_image(
      call.request().at("root").get<std::string>(), call.request().at("name").get<std::string>(),
      call.request().at("directory").get<std::string>(), limits_of(call.request()));
  if (!unpacked) return failed(unpacked.error());
  return {};
}

Status prune_store(Call& call) {
  std::vector<std::string> keep;
  if (auto given = call.request().find("keep"); given != call.request().end())
    keep = given->get<std::vector<std::string>>();
  auto freed = rcrt::image_oci::prune_store(call.request().at("root").get<std::string>(), keep);
  if (!freed) return failed(freed.error());
  call.result({{"freed", *freed}});
  return {};
}

const rcrt_image_v1 kImage = {
    .size = sizeof kImage,
    .import = RCRT_FUNCTION(import_image),
    .unpack = RCRT_FUNCTION(unpack_image),
    .prune = RCRT_FUNCTION(prune_store),
};

}  // namespace

RCRT_PLUGIN("image-oci", RCRT_VERSION, "images as an OCI image layout", "MIT", {RCRT_IMAGE_V1, &kImage});
