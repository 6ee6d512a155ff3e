// SPDX-License-Identifier: MIT
// An image as a registry describes it: every document checked before it is believed.
#pragma once

#include <string>
#include <vector>

#include "base/image_reference.h"
#include "base/oci_layout.h"
#include "plugins/image-oci/platform.h"
#include "plugins/image-oci/registry.h"

namespace rcrt::image_oci {

struct RemoteImage {
  Descriptor descriptor;  // of the manifest
  std::string manifest_text, config_text;
  Manifest manifest;
  std::vector<std::string> diff_ids;  // hex, lowest first
  bool chosen = false;                // from an index
};

// What a tag or digest names, for the platform where it is an index. `others` are asked
// for blobs the first registry lacks.
Result<RemoteImage> find_remote_image(HttpClient& http, const std::vector<Registry*>& registries,
                                      const Reference& reference, const Platform& platform);

// All tags of a repository.
Result<std::vector<std::string>> list_tags(HttpClient& http, Registry& registry);

// --- for tests: what a registry's answer is.
struct RemoteDocument {
  Descriptor descriptor;
  std::string text;
  Json json;
};
// Checks the answer to a request for a manifest: its digest when one is asked for, its
// type by header and content, and that it can be read in one way only (CVE-2021-41190).
Result<RemoteDocument> check_manifest(std::string text, const std::string& content_type,
                                      const std::string& header_digest, const std::string& wanted_digest,
                                      const std::string& object);

}  // namespace rcrt::image_oci
