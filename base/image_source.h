// SPDX-License-Identifier: MIT
// Where an image comes from or goes to, beside the store: "oci-archive:/tmp/x.tar:name".
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace rcrt {

struct ImageSource {
  enum class Transport {
    registry,        // docker://REFERENCE
    oci,             // oci:DIR[:REFERENCE], an OCI image layout
    oci_archive,     // oci-archive:FILE[:REFERENCE], one in a tar archive
    docker_archive,  // docker-archive:FILE[:REFERENCE], as `docker save` makes it
    dir,             // dir:DIR, a manifest and its blobs, as skopeo makes it
  };
  Transport transport = Transport::registry;
  std::string path;       // empty for registry
  std::string reference;  // may be empty, except for registry
};

// "oci-archive" for oci_archive.
const char* transport_name(ImageSource::Transport transport);
std::optional<ImageSource::Transport> transport_of(const std::string& name);

// Nothing when the text has no transport in front: it is a reference or an id.
Result<std::optional<ImageSource>> parse_image_source(const std::string& text);

}  // namespace rcrt
