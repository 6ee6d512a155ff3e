// SPDX-License-Identifier: MIT
#include "plugins/image-oci/certificates.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/unique_fd.h"
#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

constexpr size_t kLargestCertificates = 4 << 20;

// One folder's; false when it has none.
bool read_folder(const std::string& path, Certificates& found) {
  UniqueFd dir(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return false;
  auto names = names_in(dir.get());
  if (!names) return false;
  std::ranges::sort(*names);
  for (const std::string& name : *names) {
    if (name.ends_with(".crt")) {
      UniqueFd file(openat(dir.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
      std::string text(kLargestCertificates, '\0');
      auto size = file ? read_full(file.get(), text.data(), text.size()) : Result<size_t>(0u);
      if (!size) continue;
      text.resize(*size);
      found.authorities += text + "\n";
    }
    if (name.ends_with(".cert") && found.client_certificate.empty()) {
      const std::string key = name.substr(0, name.size() - 4) + "key";
      if (std::ranges::find(*names, key) == names->end()) continue;
      found.client_certificate = path + "/" + name;
      found.client_key = path + "/" + key;
    }
  }
  return !found.authorities.empty() || !found.client_certificate.empty();
}

}  // namespace

Certificates find_certificates(const std::vector<std::string>& folders, const Url& url) {
  Certificates found;
  for (const std::string& folder : folders) {
    if (read_folder(folder + "/" + url.host + ":" + url.port, found)) return found;
    if (url.port == "443" && read_folder(folder + "/" + url.host, found)) return found;
  }
  return found;
}

const std::string& system_certificates() {
  // Debian keeps the hashed folder beside the file; elsewhere libcurl's default does.
  static const std::string folder =
      access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0 ? "/etc/ssl/certs" : "";
  return folder;
}

}  // namespace rcrt::image_oci
