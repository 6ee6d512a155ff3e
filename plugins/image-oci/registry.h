// SPDX-License-Identifier: MIT
// One repository of one registry, over the distribution-spec's protocol. Threads share it;
// each brings an HttpClient of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/oci_layout.h"
#include "plugins/image-oci/http.h"
#include "plugins/image-oci/registries_conf.h"
#include "plugins/image-oci/token.h"

namespace rcrt::image_oci {

// What the caller has and allows.
struct RegistryAccess {
  std::vector<std::string> auth_files, certs_dirs;
  std::optional<bool> tls_verify;  // unset: as registries.conf says
};

class Registry {
 public:
  // `actions`: "pull" or "pull,push". Asks the registry whether it is one, and by which
  // scheme: without TLS only where that is allowed.
  static Result<std::unique_ptr<Registry>> connect(HttpClient& http, const Endpoint& endpoint,
                                                   const RegistryAccess& access, const std::string& actions,
                                                   std::optional<Credentials> credentials);

  const Endpoint& endpoint() const { return endpoint_; }
  // For messages: "localhost:5000/team/app".
  std::string name() const { return endpoint_.host + "/" + endpoint_.repository; }

  // One request for "/v2/<repository><path>", or for an address the registry gave. Logs in
  // when asked to, follows redirects (without credentials to other hosts), tries again
  // after 429, 5xx and breaks if `retry`. Whatever the status, it is the caller's to judge.
  // `rights` are asked for beside those of the repository ("repository:other:pull").
  HttpResponse send(HttpClient& http, HttpRequest request, bool retry = true, const std::string& rights = {});
  HttpRequest request(const std::string& method, const std::string& path) const;
  // An address from a Location header of this registry.
  Result<Url> locate(const Url& asked, const std::string& location) const;

  // An Error for an answer that is none of the good ones.
  std::unexpected<Error> failure(const HttpResponse& response, const std::string& what,
                                 const std::string& object) const;

 private:
  Registry(Endpoint endpoint, TlsOptions tls, std::optional<Credentials> credentials)
      : endpoint_(std::move(endpoint)), tls_(tls), auth_(std::move(credentials), std::move(tls)) {}
  Result<void> ping(HttpClient& http, bool may_be_plain, bool insecure);
  HttpResponse send_logged_in(HttpClient& http, HttpRequest& request, const std::string& scope);

  Endpoint endpoint_;
  TlsOptions tls_;
  Url base_;
  std::string scope_;
  Authorizer auth_;
};

// The credentials for a repository: those under the name the user knows, unless
// registries.conf leads to another host, which has its own.
Result<std::optional<Credentials>> credentials_for(const RegistryAccess& access, const Endpoint& endpoint,
                                                   const Reference& reference);

// How a registry is spoken to: its own scheme and port.
Result<Url> registry_url(const std::string& host, const std::string& scheme);

}  // namespace rcrt::image_oci
