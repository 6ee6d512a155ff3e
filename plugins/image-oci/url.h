// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace rcrt::image_oci {

// An http or https address without a user's name in it.
struct Url {
  std::string scheme;  // "https"
  std::string host;    // "registry.example.org", "[::1]"; lower case
  std::string port;    // never empty
  std::string target;  // "/v2/?a=b"

  std::string text() const;
  std::string authority() const;  // host, and the port where it is not the scheme's own
  bool same_origin(const Url& other) const {
    return scheme == other.scheme && host == other.host && port == other.port;
  }
};

Result<Url> parse_url(std::string_view text);
// What a Location header means, seen from `base`.
Result<Url> resolve_url(const Url& base, std::string_view location);

// All but letters, digits and "-._~" as %XX.
std::string escape_query(std::string_view text);

// An address of this very machine: localhost, 127.0.0.0/8, ::1.
bool is_loopback(std::string_view host);

}  // namespace rcrt::image_oci
