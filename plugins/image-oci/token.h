// SPDX-License-Identifier: MIT
// Who we are to a registry: Basic, or a token of the service it names (distribution-spec's
// token authentication). Shared by the threads of one pull or push.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "plugins/image-oci/challenge.h"
#include "plugins/image-oci/credentials.h"
#include "plugins/image-oci/http.h"

namespace rcrt::image_oci {

// Whether a token service may be given the credentials of a registry: its own host, or one
// below the same domain; never over plain HTTP when the registry has TLS.
bool may_have_credentials(const Url& registry, const Url& service);

class Authorizer {
 public:
  Authorizer(std::optional<Credentials> credentials, TlsOptions tls)
      : credentials_(std::move(credentials)), tls_(std::move(tls)) {}

  // What to send with a request; "" before the registry has asked for anything.
  std::string header(const std::string& scope);
  // The registry refused `used` with these challenges: finds something better, which
  // header() gives from then on. False when there is nothing else to try.
  Result<bool> answer(HttpClient& http, const Url& registry, const std::vector<std::string>& challenges,
                      const std::string& scope, const std::string& used);
  // The same for a login: a token of a Bearer service is fetched for no scope at all.
  Result<bool> answer_login(HttpClient& http, const Url& registry,
                            const std::vector<std::string>& challenges);
  // What to ask for before the first request of a scope, once the registry has said how.
  Result<void> prepare(HttpClient& http, const Url& registry, const std::string& scope);

  bool has_credentials() const { return credentials_.has_value(); }

 private:
  Result<std::string> fetch_token(HttpClient& http, const Url& registry, const Challenge& challenge,
                                  const std::string& scope);

  std::mutex mutex_;
  const std::optional<Credentials> credentials_;
  const TlsOptions tls_;
  std::optional<Challenge> bearer_;
  std::string basic_;                          // "Basic ..." once asked for
  std::map<std::string, std::string> tokens_;  // "Bearer ..." by scope
};

}  // namespace rcrt::image_oci
