// SPDX-License-Identifier: MIT
#include "base/image_source.h"

#include <array>

namespace rcrt {
namespace {

using Transport = ImageSource::Transport;

struct Named {
  Transport transport;
  const char* name;
};
constexpr std::array<Named, 5> kTransports = {{{Transport::registry, "docker"},
                                               {Transport::oci, "oci"},
                                               {Transport::oci_archive, "oci-archive"},
                                               {Transport::docker_archive, "docker-archive"},
                                               {Transport::dir, "dir"}}};

}  // namespace

const char* transport_name(Transport transport) {
  for (const Named& known : kTransports)
    if (known.transport == transport) return known.name;
  return "";
}

std::optional<Transport> transport_of(const std::string& name) {
  for (const Named& known : kTransports)
    if (name == known.name) return known.transport;
  return {};
}

Result<std::optional<ImageSource>> parse_image_source(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == text.npos) return std::nullopt;
  const std::string name = text.substr(0, colon), rest = text.substr(colon + 1);
  const auto transport = transport_of(name);
  if (!transport) {
    if (name == "docker-daemon" || name == "containers-storage" || name == "ostree" || name == "tarball")
      return error("cannot use transport", name,
                   "save the image there as oci-archive: or docker-archive: first", ENOTSUP);
    return std::nullopt;
  }
  ImageSource source;
  source.transport = *transport;
  if (source.transport == Transport::registry) {
    if (!rest.starts_with("//")) return std::nullopt;  // an image called "docker" and its tag
    source.reference = rest.substr(2);
    if (source.reference.empty()) return error("no image named", text, "docker://HOST/NAME:TAG", EINVAL);
    return source;
  }
  source.path = rest;
  if (source.transport != Transport::dir)
    if (const size_t end = rest.find(':'); end != rest.npos) {
      source.path = rest.substr(0, end);
      source.reference = rest.substr(end + 1);
    }
  if (source.path.empty())
    return error("no path named", text, name + ":PATH, with an optional :REFERENCE", EINVAL);
  return source;
}

}  // namespace rcrt
