// SPDX-License-Identifier: MIT
// image-oci: images as an OCI image layout, their layers unpacked for overlayfs.
#include <rcrt/plugin.hpp>

#include "base/version.h"
#include "plugins/image-oci/archive_verbs.h"
#include "plugins/image-oci/import.h"
#include "plugins/image-oci/registry_verbs.h"
#include "plugins/image-oci/request.h"
#include "plugins/image-oci/utf8_locale.h"

namespace {

using rcrt::image_oci::failed;
using rcrt::image_oci::limits_of;
using rcrt::sdk::Call;
using rcrt::sdk::Status;

Status import_image(Call& call) {
  const rcrt::image_oci::Utf8Locale locale;
  rcrt::image_oci::ImportRequest request;
  request.root = call.request().at("root").get<std::string>();
  request.source = call.request().at("source").get<std::string>();
  request.from = call.fd("in");
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

Status prepare_image(Call& call) {
  const rcrt::image_oci::Utf8Locale locale;
  auto store = rcrt::image_oci::store_of(call);
  if (!store) return failed(store.error());
  auto prepared = rcrt::image_oci::prepare_image(*store, call.request().at("name").get<std::string>(),
                                                 limits_of(call.request()));
  if (!prepared) return failed(prepared.error());
  return {};
}

const rcrt_image_v1 kImage = {
    .size = sizeof kImage,
    .import = RCRT_FUNCTION(import_image),
    .unpack = RCRT_FUNCTION(unpack_image),
    .prune = RCRT_FUNCTION(prune_store),
    .pull = RCRT_FUNCTION(rcrt::image_oci::pull_verb),
    .push = RCRT_FUNCTION(rcrt::image_oci::push_verb),
    .load = RCRT_FUNCTION(rcrt::image_oci::load_verb),
    .save = RCRT_FUNCTION(rcrt::image_oci::save_verb),
    .login = RCRT_FUNCTION(rcrt::image_oci::login_verb),
    .logout = RCRT_FUNCTION(rcrt::image_oci::logout_verb),
    .prepare = RCRT_FUNCTION(prepare_image),
    .archive = RCRT_FUNCTION(rcrt::image_oci::archive_verb),
    .commit = RCRT_FUNCTION(rcrt::image_oci::commit_verb),
    .verify = RCRT_FUNCTION(rcrt::image_oci::verify_verb),
};

}  // namespace

RCRT_PLUGIN("image-oci", RCRT_VERSION, "images as an OCI image layout", "MIT", {RCRT_IMAGE_V1, &kImage});
