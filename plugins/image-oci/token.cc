// SPDX-License-Identifier: MIT
#include "plugins/image-oci/token.h"

#include <algorithm>

#include "base/oci_layout.h"
#include "plugins/image-oci/base64.h"
#include "plugins/image-oci/retry.h"

namespace rcrt::image_oci {
namespace {

constexpr size_t kLongestToken = 256 << 10;

bool is_address(const std::string& host) {
  return host.starts_with('[') ||
         std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

// The last two labels of a host.
std::string domain_of(const std::string& host) {
  size_t dot = host.rfind('.');
  if (dot == host.npos || dot == 0) return host;
  dot = host.rfind('.', dot - 1);
  return dot == host.npos ? host : host.substr(dot + 1);
}

std::string text_of(const Json& json, const char* member) {
  auto it = json.find(member);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::string parameter(const Challenge& challenge, const char* name) {
  auto it = challenge.parameters.find(name);
  return it == challenge.parameters.end() ? std::string() : it->second;
}

std::string basic(const Credentials& credentials) {
  return "Basic " + base64_encode(credentials.username + ":" + credentials.password);
}

// Scopes are separated by blanks, each is a parameter of its own.
std::string scope_query(const std::string& scope, char first) {
  std::string query;
  for (size_t at = 0; at < scope.size();) {
    const size_t end = std::min(scope.find(' ', at), scope.size());
    query += (query.empty() ? first : '&') + ("scope=" + escape_query(scope.substr(at, end - at)));
    at = end + 1;
  }
  return query;
}

}  // namespace

bool may_have_credentials(const Url& registry, const Url& service) {
  if (registry.scheme == "https" && service.scheme != "https") return false;
  if (registry.host == service.host) return true;
  if (service.scheme != "https" || is_address(registry.host) || is_address(service.host)) return false;
  return domain_of(registry.host) == domain_of(service.host) &&
         domain_of(registry.host).find('.') != std::string::npos;
}

std::string Authorizer::header(const std::string& scope) {
  const std::lock_guard held(mutex_);
  if (auto token = tokens_.find(scope); token != tokens_.end()) return token->second;
  return basic_;
}

Result<void> Authorizer::prepare(HttpClient& http, const Url& registry, const std::string& scope) {
  const std::lock_guard held(mutex_);
  if (!bearer_ || scope.empty() || tokens_.contains(scope)) return {};
  RCRT_ASSIGN(tokens_[scope], fetch_token(http, registry, *bearer_, scope));
  return {};
}

Result<bool> Authorizer::answer(HttpClient& http, const Url& registry,
                                const std::vector<std::string>& challenges, const std::string& scope,
                                const std::string& used) {
  const std::lock_guard held(mutex_);
  // Another thread may have been faster.
  auto have = tokens_.find(scope);
  if (have != tokens_.end() && have->second != used) return true;
  bool only_unknown = false;
  for (const std::string& header : challenges)
    for (const Challenge& challenge : parse_challenges(header)) {
      if (challenge.scheme == "bearer") {
        bearer_ = challenge;
        if (scope.empty()) return false;  // the first look: tokens are for a scope
        RCRT_ASSIGN(std::string token, fetch_token(http, registry, challenge, scope));
        const bool better = token != used;
        tokens_[scope] = std::move(token);
        return better;
      }
      if (challenge.scheme == "basic") {
        if (!credentials_ || credentials_->username.empty()) return false;
        basic_ = basic(*credentials_);
        return basic_ != used;
      }
      only_unknown = true;
    }
  if (only_unknown)
    return error("registry wants a kind of login that is not known here", registry.authority(),
                 "Basic and Bearer are known", ENOTSUP);
  return false;
}

Result<bool> Authorizer::answer_login(HttpClient& http, const Url& registry,
                                      const std::vector<std::string>& challenges) {
  RCRT_ASSIGN(const bool better, answer(http, registry, challenges, "", ""));
  const std::lock_guard held(mutex_);
  if (better || !bearer_) return better;
  RCRT_ASSIGN(tokens_[""], fetch_token(http, registry, *bearer_, ""));
  return true;
}

Result<std::string> Authorizer::fetch_token(HttpClient& http, const Url& registry, const Challenge& challenge,
                                            const std::string& scope) {
  const std::string realm = parameter(challenge, "realm"), service = parameter(challenge, "service");
  auto url = parse_url(realm);
  if (!url) return error("registry names no valid token service", realm.substr(0, 200), {}, EBADMSG);
  if (registry.scheme == "https" && url->scheme != "https")
    return error("registry names a token service without TLS", url->authority(), {}, EACCES);
  // Only for what it is meant: the registry itself said whom it trusts, but not whom we do.
  const bool trusted = credentials_ && may_have_credentials(registry, *url);

  HttpRequest request;
  request.tls = tls_;
  request.url = *url;
  request.headers = {"Accept: application/json"};
  request.largest_body = kLongestToken;
  if (trusted && !credentials_->identity_token.empty()) {
    request.method = "POST";
    request.headers.push_back("Content-Type: application/x-www-form-urlencoded");
    request.body = "grant_type=refresh_token&client_id=rcrt&service=" + escape_query(service) +
                   "&refresh_token=" + escape_query(credentials_->identity_token) +
                   "&scope=" + escape_query(scope);
  } else {
    char next = request.url.target.find('?') == std::string::npos ? '?' : '&';
    if (!service.empty()) {
      request.url.target += std::string(1, next) + "service=" + escape_query(service);
      next = '&';
    }
    request.url.target += scope_query(scope, next);
    if (trusted) request.headers.push_back("Authorization: " + basic(*credentials_));
  }
  const HttpResponse response = send_with_retries(http, request);
  if (response.status == 0 || response.broken) return std::unexpected(response.failure);
  if (response.status == 401 || response.status == 403) {
    if (credentials_ && !trusted)
      return error("token service of another domain was not given the credentials", url->authority(),
                   "a registry may send them to its own domain only", EACCES);
    return error(credentials_ ? "wrong user or password for registry" : "login needed for registry",
                 registry.authority(), "rcrt login " + registry.authority(), EACCES);
  }
  if (response.status != 200)
    return error("token service answers " + std::to_string(response.status), url->authority(), {}, EIO);
  const Json json = Json::parse(response.body, nullptr, false);
  if (!json.is_object()) return error("token service does not answer in JSON", url->authority(), {}, EBADMSG);
  std::string token = text_of(json, "token");
  if (token.empty()) token = text_of(json, "access_token");
  if (token.empty() || !std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; }))
    return error("token service gives no token", url->authority(), {}, EBADMSG);
  return "Bearer " + token;
}

}  // namespace rcrt::image_oci
