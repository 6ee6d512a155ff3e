// SPDX-License-Identifier: MIT
#include "plugins/image-oci/registry_verbs.h"

#include "plugins/image-oci/credentials.h"
#include "plugins/image-oci/pull.h"
#include "plugins/image-oci/push.h"
#include "plugins/image-oci/registry.h"
#include "plugins/image-oci/request.h"

namespace rcrt::image_oci {
namespace {

using sdk::Call;
using sdk::Status;

std::vector<std::string> words(const Call& call, const char* member) {
  auto it = call.request().find(member);
  return it == call.request().end() ? std::vector<std::string>() : it->get<std::vector<std::string>>();
}

RegistryAccess access_of(const Call& call) {
  RegistryAccess access;
  access.auth_files = words(call, "auth_files");
  access.certs_dirs = words(call, "certs_dirs");
  if (auto it = call.request().find("tls_verify"); it != call.request().end() && !it->is_null())
    access.tls_verify = it->get<bool>();
  return access;
}

}  // namespace

Status pull_verb(Call& call) {
  PullRequest request;
  request.root = call.request().at("root").get<std::string>();
  request.reference = call.request().at("reference").get<std::string>();
  request.platform = call.text("platform");
  request.all_tags = call.flag("all_tags");
  request.only_missing = call.flag("only_missing");
  request.parallel = call.request().value("parallel", request.parallel);
  request.access = access_of(call);
  request.registries_conf = call.text("registries_conf");
  request.registries_conf_dir = call.text("registries_conf_dir");
  request.limits = limits_of(call.request());
  request.progress = sink_of(call);
  request.warn = [&call](const std::string& line) { call.warn(line); };
  auto pulled = pull_images(request);
  if (!pulled) return failed(pulled.error());
  Json images = Json::array();
  for (const PulledImage& image : *pulled)
    images.push_back({{"name", image.name}, {"id", image.id}, {"digest", image.digest}, {"new", image.news}});
  call.result({{"images", images}});
  return {};
}

Status push_verb(Call& call) {
  PushRequest request;
  request.root = call.request().at("root").get<std::string>();
  request.name = call.request().at("name").get<std::string>();
  request.destination = call.text("destination");
  request.parallel = call.request().value("parallel", request.parallel);
  request.chunk_bytes = std::max<uint64_t>(call.request().value("chunk_bytes", request.chunk_bytes), 1 << 16);
  request.access = access_of(call);
  request.registries_conf = call.text("registries_conf");
  request.registries_conf_dir = call.text("registries_conf_dir");
  request.progress = sink_of(call);
  auto pushed = push_image(request);
  if (!pushed) return failed(pushed.error());
  call.result({{"name", pushed->name}, {"digest", pushed->digest}});
  return {};
}

Status login_verb(Call& call) {
  const std::string registry = call.request().at("registry").get<std::string>();
  Credentials credentials;
  credentials.username = call.request().at("username").get<std::string>();
  credentials.password = call.request().at("password").get<std::string>();
  if (credentials.username.empty() || credentials.username.find_first_of(":\r\n") != std::string::npos)
    return sdk::fail(EINVAL, "not a user's name", credentials.username, "it has no colon and no line break");
  auto conf = RegistriesConf::load(call.text("registries_conf"), call.text("registries_conf_dir"));
  if (!conf) return failed(conf.error());
  auto endpoint = conf->login_endpoint(registry);
  if (!endpoint) return failed(endpoint.error());
  auto http = HttpClient::make(nullptr);
  if (!http) return failed(http.error());
  auto connected = Registry::connect(*http, *endpoint, access_of(call), "", credentials);
  if (!connected) return failed(connected.error());
  auto stored = store_credentials(call.request().at("auth_file").get<std::string>(), registry, credentials);
  if (!stored) return failed(stored.error());
  return {};
}

Status logout_verb(Call& call) {
  const std::string registry = call.request().at("registry").get<std::string>();
  auto removed = remove_credentials(words(call, "auth_files"), registry);
  if (!removed) return failed(removed.error());
  call.result({{"removed", *removed}});
  return {};
}

}  // namespace rcrt::image_oci
