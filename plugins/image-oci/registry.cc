// SPDX-License-Identifier: MIT
#include "plugins/image-oci/registry.h"

#include "plugins/image-oci/files.h"
#include "plugins/image-oci/retry.h"

namespace rcrt::image_oci {
namespace {

constexpr int kMostRedirects = 5;

// What the registry says itself: {"errors":[{"code":"DENIED","message":"..."}]}.
std::string own_words(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return {};
  auto errors = json.find("errors");
  if (errors == json.end() || !errors->is_array() || errors->empty() || !(*errors)[0].is_object()) return {};
  for (const char* member : {"message", "code"})
    if (auto it = (*errors)[0].find(member); it != (*errors)[0].end() && it->is_string())
      if (auto text = it->get<std::string>(); !text.empty()) return text.substr(0, 200);
  return {};
}

HttpResponse broken(Error failure) {
  HttpResponse response;
  response.broken = true;
  response.failure = std::move(failure);
  return response;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

Result<std::optional<Credentials>> credentials_for(const RegistryAccess& access, const Endpoint& endpoint,
                                                   const Reference& reference) {
  const bool own = endpoint.host == reference.domain ||
                   (reference.domain == "docker.io" && endpoint.host == "registry-1.docker.io");
  return find_credentials(access.auth_files, own ? reference.domain : endpoint.host,
                          own ? reference.path : endpoint.repository);
}

Result<Url> registry_url(const std::string& host, const std::string& scheme) {
  auto url = parse_url(scheme + "://" + host + "/v2/");
  if (!url) return error("not a registry's address", host, {}, EINVAL);
  return url;
}

Result<std::unique_ptr<Registry>> Registry::connect(HttpClient& http, const Endpoint& endpoint,
                                                    const RegistryAccess& access, const std::string& actions,
                                                    std::optional<Credentials> credentials) {
  const bool insecure = access.tls_verify ? !*access.tls_verify : endpoint.insecure;
  TlsOptions tls{!insecure, access.certs_dirs};
  std::unique_ptr<Registry> registry(new Registry(endpoint, tls, std::move(credentials)));
  if (!endpoint.repository.empty()) registry->scope_ = "repository:" + endpoint.repository + ":" + actions;
  RCRT_ASSIGN(registry->base_, registry_url(endpoint.host, "https"));
  // As docker does: nobody listens in on the loopback interface.
  const bool may_be_plain = insecure || (!access.tls_verify && is_loopback(registry->base_.host));
  RCRT_TRY(registry->ping(http, may_be_plain, insecure));
  return registry;
}

Result<void> Registry::ping(HttpClient& http, bool may_be_plain, bool insecure) {
  const bool has_port = endpoint_.host.find(':', endpoint_.host.rfind(']') == std::string::npos
                                                     ? 0
                                                     : endpoint_.host.rfind(']')) != std::string::npos;
  HttpRequest look;
  look.url = base_;
  look.tls = tls_;
  HttpResponse response = send_with_retries(http, look);
  if (may_be_plain && response.broken && (response.not_tls || (insecure && !has_port))) {
    RCRT_ASSIGN(base_, registry_url(endpoint_.host, "http"));
    look.url = base_;
    response = send_with_retries(http, look);
  }
  if (response.broken || response.status == 0) return std::unexpected(response.failure);
  if (response.status == 200) return {};
  if (response.status == 401) {
    // It says how to log in. The tokens of a scope are fetched when there is one.
    const auto challenges = response.all_headers("www-authenticate");
    if (!scope_.empty()) {
      auto noted = auth_.answer(http, base_, challenges, "", "");
      if (!noted) return std::unexpected(std::move(noted).error());
      return {};
    }
    RCRT_ASSIGN(const bool better, auth_.answer_login(http, base_, challenges));
    if (!better) return failure(response, "cannot log in to", endpoint_.host);
    look.headers = {"Authorization: " + auth_.header("")};
    response = send_with_retries(http, look);
    if (response.status == 200) return {};
    return failure(response, "cannot log in to", endpoint_.host);
  }
  if (response.status == 404)
    return error("not a registry", endpoint_.host, "it does not speak the registry's protocol, version 2",
                 EPROTO);
  return failure(response, "cannot use registry", endpoint_.host);
}

HttpRequest Registry::request(const std::string& method, const std::string& path) const {
  HttpRequest request;
  request.method = method;
  request.url = base_;
  request.url.target = "/v2/" + (endpoint_.repository.empty() ? "" : endpoint_.repository) + path;
  request.tls = tls_;
  return request;
}

Result<Url> Registry::locate(const Url& asked, const std::string& location) const {
  RCRT_ASSIGN(Url url, resolve_url(asked, location));
  if (asked.scheme == "https" && url.scheme != "https")
    return error("registry leads from TLS to plain HTTP", url.authority(), {}, EACCES);
  return url;
}

HttpResponse Registry::send_logged_in(HttpClient& http, HttpRequest& request, const std::string& scope) {
  const std::vector<std::string> headers = request.headers;
  for (int round = 0;; ++round) {
    const std::string used = auth_.header(scope);
    request.headers = headers;
    if (!used.empty()) request.headers.push_back("Authorization: " + used);
    HttpResponse response = http.send(request);
    if (response.status != 401 || response.broken || round == 2) return response;
    auto better = auth_.answer(http, base_, response.all_headers("www-authenticate"), scope, used);
    if (!better) return broken(better.error());
    if (!*better) return response;
  }
}

HttpResponse Registry::send(HttpClient& http, HttpRequest request, bool retry, const std::string& rights) {
  const std::string scope = rights.empty() ? scope_ : scope_ + " " + rights;
  if (auto ready = auth_.prepare(http, base_, scope); !ready) return broken(ready.error());
  const std::vector<std::string> headers = request.headers;
  const Url asked = request.url;
  for (int tries = 1;; ++tries) {
    request.url = asked;
    HttpResponse response;
    for (int hops = 0;; ++hops) {
      request.headers = headers;
      // Our name goes to the registry alone.
      response = request.url.same_origin(base_) ? send_logged_in(http, request, scope) : http.send(request);
      if (response.broken || !is_redirect(response.status) ||
          (request.method != "GET" && request.method != "HEAD"))
        break;
      if (hops == kMostRedirects)
        return broken({"registry leads in a circle", asked.authority(), ELOOP, {}, {}, 125});
      auto next = locate(request.url, response.header("location"));
      if (!next) return broken(next.error());
      request.url = std::move(*next);
    }
    if (!retry || tries == kTries || http.stopped() || !is_worth_another_try(response)) return response;
    http.pause(back_off_milliseconds(tries, response));
  }
}

std::unexpected<Error> Registry::failure(const HttpResponse& response, const std::string& what,
                                         const std::string& object) const {
  if (response.broken || response.status == 0) return in_context(response.failure, what, object);
  const std::string words = own_words(response.body);
  Error error{what, object, EIO, {}, {}, 125};
  error.cause =
      "the registry answers " + std::to_string(response.status) + (words.empty() ? "" : " (" + words + ")");
  switch (response.status) {
    case 401:
    case 403:
      error.code = EACCES;
      error.hint = auth_.has_credentials()
                       ? "the user may not, or the password is wrong: rcrt login " + endpoint_.host
                       : "rcrt login " + endpoint_.host;
      break;
    case 404:
      error.code = ENOENT;
      break;
    case 429:
      error.code = EBUSY;
      error.hint = "it allows no more for now, try later";
      break;
    default:
      break;
  }
  return std::unexpected(std::move(error));
}

}  // namespace rcrt::image_oci
