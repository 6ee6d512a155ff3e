// SPDX-License-Identifier: MIT
// What a registry says, and what a machine's files say of registries: the first byte
// chooses the reader, the rest is its text.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugins/image-oci/challenge.h"
#include "plugins/image-oci/credentials.h"
#include "plugins/image-oci/registries_conf.h"
#include "plugins/image-oci/remote_image.h"
#include "plugins/image-oci/url.h"

using namespace rcrt;             // NOLINT(google-build-using-namespace)
using namespace rcrt::image_oci;  // NOLINT(google-build-using-namespace)

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void challenge(const std::string& text) {
  for (const Challenge& one : parse_challenges(text)) {
    require(!one.scheme.empty());
    for (const auto& [name, value] : one.parameters) require(!name.empty());
  }
}

void credentials(const std::string& text) {
  auto found = credentials_in(text, "f", "r.example.org", "team/app");
  // Nothing that could become a header of its own.
  if (found && *found) require((*found)->username.find_first_of(":\r\n") == std::string::npos);
  bool changed = false;
  const Credentials ours{"u", "p", ""};
  auto with = with_credentials(text, "f", "r.example.org", &ours, &changed);
  if (!with) return;
  auto back = credentials_in(*with, "f", "r.example.org", "other/app");
  require(!back || (*back && (*back)->username == "u" && (*back)->password == "p"));
}

void conf(const std::string& text) {
  RegistriesConf conf;
  if (!conf.add(text, "f")) return;
  for (const char* name : {"busybox", "q.io/team/app:1", "a.wild.org/x"}) {
    auto found = conf.candidates(name);
    if (!found) continue;
    for (const Reference& one : *found) {
      auto endpoints = conf.pull_endpoints(one);
      if (!endpoints) continue;
      // Whatever the file says, the result is a host and a repository, nothing more.
      for (const Endpoint& at : *endpoints) {
        require(at.host.find_first_of("/ @") == std::string::npos);
        require(at.repository.find("..") == std::string::npos);
      }
    }
  }
}

void manifest(const std::string& text) {
  auto document = check_manifest(text, "", "", "", "x");
  if (!document) return;
  auto index = parse_index(document->json);
  auto single = parse_manifest(document->json);
  require(!index || !single);  // one reading only
}

void url(const std::string& text) {
  auto parsed = parse_url(text);
  if (!parsed) return;
  auto again = parse_url(parsed->text());
  require(again && again->text() == parsed->text() && again->same_origin(*parsed));
  require(parsed->host.find('@') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      challenge(text);
      break;
    case 1:
      credentials(text);
      break;
    case 2:
      conf(text);
      break;
    case 3:
      manifest(text);
      break;
    default:
      url(text);
  }
  return 0;
}
