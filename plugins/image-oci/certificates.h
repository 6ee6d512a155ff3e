// SPDX-License-Identifier: MIT
// Certificates for one registry: <folder>/<host[:port]>/{*.crt, *.cert with *.key}.
#pragma once

#include <string>
#include <vector>

#include "plugins/image-oci/url.h"

namespace rcrt::image_oci {

struct Certificates {
  std::string authorities;                     // PEM, all *.crt
  std::string client_certificate, client_key;  // paths
};

Certificates find_certificates(const std::vector<std::string>& folders, const Url& url);

// The system's folder of authorities, looked up by hash; empty when there is none.
const std::string& system_certificates();

}  // namespace rcrt::image_oci
